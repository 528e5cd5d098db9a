"""nmt prepare: clean the text, train the tokenizer, encode."""

from pathlib import Path
from typing import Annotated

import typer

from nmt.cli import terminal
from nmt.cli.common import Threads, command
from nmt.cli.progress import Progress


@command
def prepare(
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The config file.")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Replace settings.")] = None,
    threads: Threads = None,
) -> None:
    """Prepare the data of a config and report what was kept and dropped; `nmt train` does it too if need be."""
    from nmt import config as settings
    from nmt.data.prepare import prepare as run

    progress = Progress()
    checked = settings.load(config, overrides or [])
    prepared = run(
        checked, on_progress=lambda stage, done: progress.move(f"{stage} {done:,}"), workers=None, cores=threads
    )
    progress.clear()
    if prepared.mended:
        progress.note(f"{prepared.folder}: was damaged or incomplete, and has been made anew; is the disk sound?")
    for line in prepared.report.lines():
        terminal.result(line)
    terminal.result(f"prepared: {prepared.folder}")
