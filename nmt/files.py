"""Writing files so that a crash leaves the old state or the new one, never half of either.

Everything is written beside its destination, synced to the disk and renamed; nothing else in the package writes files
(the training log, which only grows, is the one exception and is cut back on resume).
"""

import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def sync(path: Path) -> None:
    """Flush a file's or folder's content to the disk. Windows cannot open folders; there the rename has to do."""
    if path.is_dir() and sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path) -> Path:
    """A hidden temporary name in the same folder, so that the rename stays on one file system."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")


@contextmanager
def replacing(path: str | Path, mode: str = "w") -> Iterator[IO]:
    """Open a file that takes the place of `path` when the block ends without an error, and vanishes otherwise.

    Text is UTF-8 with LF line ends on every platform.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        with open(temporary, mode, **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and str(error.filename) == str(temporary):
            error.filename, error.filename2 = str(path), None  # the name that the user knows
        raise


@contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """A fresh folder that takes the place of `path` (with all it holds) when the block ends without an error.

    No system exchanges two folders in one step: killed between the two renames, the old one lies under a hidden name,
    from which `recover_folder` brings it back.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    old = temporary.with_suffix(".old")
    temporary.mkdir()
    try:
        yield temporary
        for item in temporary.rglob("*"):
            sync(item)
        sync(temporary)
        if path.exists():
            os.replace(path, old)
        os.replace(temporary, path)
        sync(path.parent)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        if old.exists() and not path.exists():
            os.replace(old, path)
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def recover_folder(path: str | Path) -> None:
    """Undo what a crash inside `replacing_folder` left half done. Only while nobody else writes the folder."""
    path = Path(path)
    set_aside = sorted(path.parent.glob(f".{path.name}.*.old"))
    if set_aside and not path.exists():
        os.replace(set_aside.pop(), path)
    for left in [*set_aside, *path.parent.glob(f".{path.name}.*.tmp")]:
        shutil.rmtree(left, ignore_errors=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a whole text file at once."""
    with replacing(path) as file:
        file.write(text)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a whole binary file at once."""
    with replacing(path, "wb") as file:
        file.write(content)
