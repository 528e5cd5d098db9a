"""Where a bundle is, which one it is, and how to read it while a training may put a better one in its place."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from nmt import checksums
from nmt.bundle.form import CARD, WEIGHTS
from nmt.errors import CheckpointError

MOST_EXCHANGES = 10
"""How often a bundle may become another while it is read."""

Read = TypeVar("Read")


def name_of(path: Path) -> str:
    """What people call a model: the name of its run, which holds the bundle `model`, or of the folder itself. What
    cannot be shown of it, such as bytes that are not UTF-8, is U+FFFD."""
    name = path.parent.name if path.name == "model" else path.name
    return "".join(each if each.isprintable() else "\ufffd" for each in name)


def locate(path: str | Path) -> Path:
    """The bundle that `path` is or, when it is a run folder, holds. Raises CheckpointError where there is none."""
    path = Path(path)
    for folder in (path, path / "model"):
        if (folder / WEIGHTS).is_file() or (folder / CARD).is_file():
            return folder
    if not path.exists():
        raise CheckpointError(f"{path}: no such folder", hint="give a run folder or a copy of its model/")
    if (path / "log.jsonl").is_file():
        raise CheckpointError(
            f"{path}: the run has no model yet", hint="it is written at the first evaluation: train on with --resume"
        )
    raise CheckpointError(f"{path}: is neither a run folder nor a model bundle", hint="`nmt train` makes them")


def version(path: str | Path) -> tuple[int, ...] | None:
    """Of a bundle: another one when a training has put better weights there, or an export has been made anew; None
    while there is none.

    A new file may get the number of one that is gone, and a copy keeps the time of its original, but not its own.
    """
    with suppress(CheckpointError, OSError):
        folder = locate(path)
        weights = folder / WEIGHTS
        known = (weights if weights.is_file() else folder / checksums.NAME).stat()
        return known.st_ino, known.st_mtime_ns, known.st_ctime_ns
    return None


def unchanged(path: str | Path, reading: Callable[[], Read]) -> Read:
    """What `reading` a bundle gives. A training may exchange it meanwhile: then it is read again, as a whole.

    Raises what the reading raises, and CheckpointError when the exchanges do not end.
    """
    for _ in range(MOST_EXCHANGES):
        before, fault = version(path), None
        try:
            result = reading()
        except (CheckpointError, OSError) as error:
            fault = error
        if version(path) == before:
            if fault is not None:
                raise fault
            return result
    raise CheckpointError(f"{path}: changes faster than it is read", hint="take a copy of it")
