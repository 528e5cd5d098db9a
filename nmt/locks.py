"""One process at a time: locks that the system lets go of when their holder ends, and places that one process makes."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from nmt import files
from nmt.errors import NMTError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextmanager
def claimed(folder: Path, *, what: str) -> Iterator[None]:
    """Keep other processes out of the place of a folder while the block makes it, and undo first what a crash left
    there. Raises NMTError, which says `what` is made, where another is at work, and as files.check_not_here does."""
    files.check_not_here(folder)
    place = files.named(folder)
    with lock(place.with_name(f".{place.name}.lock")) as alone:
        if not alone:
            raise NMTError(f"{folder}: another process writes {what} here", hint="wait for its end, or name another")
        files.recover(folder)
        yield


@contextmanager
def lock(path: str | Path) -> Iterator[bool]:
    """Whether this process, and no other, holds the lock file `path` while the block runs.

    The system lets go of it when the process ends, however it ends. Where the file system knows no locks, each gets it.
    """
    path = Path(path)
    with files.parents(path):
        with files.naming(path):
            file = _acquire(path)
        try:
            yield file is not None
        finally:
            if file is not None:
                _release(file, path)


def _acquire(path: Path) -> IO | None:
    while True:
        file = open(path, "ab")  # noqa: SIM115 (open as long as the lock is held)
        if not _try_lock(file.fileno()):
            file.close()
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        file.close()  # of the holder before us, who has removed it


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in files.UNSUPPORTED
    return True


def _release(file: IO, path: Path) -> None:
    """Remove the lock file while it is still ours, so that nobody's is removed; Windows removes no open file."""
    if sys.platform == "win32":
        file.close()
    with suppress(OSError):
        path.unlink()
    file.close()
