"""What nmt backtranslate and nmt distill share: their options, how they work, and what they say in the end."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmt.cli import lines, terminal
from nmt.cli.common import Machine
from nmt.cli.progress import Progress, duration

if TYPE_CHECKING:
    from nmt.synthesis import Made

Output = Annotated[Path, typer.Option(help="The folder to write; it appears when all is done.")]
Packed = Annotated[bool, typer.Option("--gz", help="Write .gz files.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a corpus that was begun, or begin it.")]
Force = Annotated[bool, typer.Option("--force", help="Begin anew, and replace the corpus that is there.")]
Beam = Annotated[int | None, typer.Option(help="Hypotheses kept a sentence [the model's].")]
BatchTokens = Annotated[int | None, typer.Option(help="Source pieces a batch, padding and beams included.")]
Precision, Workers, Tag = lines.Precision, lines.Workers, lines.Tag


def make(
    work: "Callable[..., Made]", machine: Machine, *, folder: Path, precision: str, workers: int | None,
    search: dict[str, Any], **options: Any,
) -> "Made":  # fmt: skip
    """The corpus, with progress on stderr and a summary of what was left out."""
    from nmt import runtime
    from nmt.synthesis import journal, translating

    runtime.keep_freed_memory()
    progress, begin, began = Progress(), time.monotonic(), False

    def show(done: int) -> None:
        nonlocal began
        began = True
        progress.move(f"{done:,} lines, {done / (time.monotonic() - begin):,.0f} a second")

    where = translating.Machine(machine.device, precision, machine.threads, workers)
    given = {name: value for name, value in search.items() if value is not None}
    try:
        made = work(**options, folder=folder, machine=where, on_progress=show, **given)
    except BaseException:
        if began and journal.place(folder).is_file():
            progress.note(f"note: {folder}: what was translated is kept, and --resume goes on from there")
        raise
    progress.clear()
    if not made.new:
        lines.note(f"{folder}: is whole already")
    for reason, count in made.left_out.items():
        lines.note(f"{count:,} of {made.read:,} lines left out: {reason}")
    terminal.result(f"{made.pairs:,} pairs in {duration(made.seconds)}: {made.source}, {made.target}")
    return made


def place(path: Path, config: Path | None) -> str:
    """A path as a config names it: relative to the config's folder, or, where that is not known, from the root."""
    if config is None:
        return path.absolute().as_posix()
    try:
        return Path(os.path.relpath(path, config.absolute().parent)).as_posix()
    except ValueError:  # another drive of Windows
        return path.absolute().as_posix()
