"""nmt finetune: go on from a finished model."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmt.cli import lines
from nmt.cli.common import Machine, command
from nmt.cli.train import check_switches, run

if TYPE_CHECKING:
    from nmt.config import Config


@command
def finetune(
    *,
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="Text and training settings.")],
    model: Annotated[
        Path | None, typer.Option(help="The run folder or bundle to go on from [the config's finetune.model].")
    ] = None,
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Replace settings.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run, or start it.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the run that is there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try everything once, say what to expect.")] = False,
    machine: Machine,
) -> None:
    """Train a finished model on: on other text, with other settings, more pieces, or parts of it frozen.

    The config needs no model and no tokenizer. Its section `finetune` says what to freeze and how many pieces to add.
    """
    check_switches(resume=resume, force=force)
    from nmt import training

    checked = training.configure(config, overrides or [], model=model, resume=resume)
    lines.note_idle(checked)
    lines.note_held_out(checked)
    _note_untagged(checked)
    typed = ["finetune", *(["--model", str(model)] if model else []), "--config", str(config), *(overrides or [])]
    note = f"going on from {checked.finetune.model}"
    run(checked, machine, typed, resume=resume, force=force, dry_run=dry_run, note=note)


def _note_untagged(config: "Config") -> None:
    """Tell where the text has no tags and the model was trained with one before each source."""
    from nmt import bundle
    from nmt.errors import CheckpointError

    with suppress(CheckpointError):  # a run that has begun needs the model no more
        described = bundle.read(config.finetune.model)
        if described.card["tagged"] and not config.data.tags and lines.is_first():
            tags = ", ".join(described.tokenizers.source.tags)
            lines.note(f"data.train: no tag, where each source in the model's training had one: {tags}")
