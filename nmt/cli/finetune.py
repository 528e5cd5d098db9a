"""nmt finetune: go on from a finished model."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from nmt.cli import lines
from nmt.cli.common import Common, command
from nmt.cli.train import Show


@command
def finetune(
    common: Common,
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="Text and training settings.")],
    model: Annotated[
        Path | None, typer.Option(help="The run folder or bundle to go on from [the config's finetune.model].")
    ] = None,
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Replace settings.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run, or start it.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the run that is there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try everything once, say what to expect.")] = False,
) -> None:
    """Train a finished model on: on other text, with other settings, more pieces, or parts of it frozen.

    The config needs no model and no tokenizer. Its section `finetune` says what to freeze and how many pieces to add.
    """
    if resume and force:
        raise typer.BadParameter("--resume goes on with a run, --force replaces it: give one of them")
    from nmt import training

    checked = training.configure(config, overrides or [], model=model, resume=resume)
    lines.note_idle(checked)
    lines.note_held_out(checked)
    typed = [*(["--model", str(model)] if model else []), "--config", str(config), *(overrides or [])]
    again = shlex.join(["nmt", "finetune", *typed, *common.typed(), "--resume"])
    if "TORCHELASTIC_RUN_ID" in os.environ:
        again = "the same torchrun with --resume"
    show = Show(again, dry_run=dry_run)
    work = training.rehearse if dry_run else training.train
    device = common.choose_device()
    if lines.is_first():
        show.line.note(f"going on from {checked.finetune.model}")
    work(checked, resume=resume, force=force, device=device, workers=None, on_event=show)
