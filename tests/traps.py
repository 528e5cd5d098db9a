"""Every call of this process that changes files, counted; one of them can be made to fail, or to be the last.

Python's own functions are replaced, whoever calls them. A write that is the last has written half of what it should.
"""

import builtins
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from nmt import files

CHANGES = ("fsync", "replace", "mkdir")
REMOVALS = ("unlink", "rmdir")


class Traps:
    """Counts changes of files below a folder; the one with the number `at`, counted from 1, meets `spring`."""

    def __init__(self, folder: Path, *, at: int | None, spring: Callable[[str], None], returns: bool = False):
        """`returns` says that `spring` does, so that the call is made after it."""
        self.folder, self.at, self.spring, self.returns = os.path.realpath(folder), at, spring, returns
        self.count = 0
        self.where = ""
        """Kind and path of the one that was met."""

    def due(self, kind: str, path: str | int) -> bool:
        """Count a call; whether it is the one. What was opened below the folder may be synced by its number alone."""
        if not isinstance(path, int) and not os.path.realpath(path).startswith(self.folder):
            return False
        self.count += 1
        if self.count != self.at:
            return False
        self.where = f"{kind} {path}"
        return True


@contextmanager
def trapped(traps: Traps, *, removals: bool = False) -> Iterator[Traps]:
    """In this block all changes are counted, with `removals` those that take something away too."""

    def watching(name: str, function: Callable) -> Callable:
        def watched(path, *arguments, **keywords):
            place = path if "dir_fd" not in keywords else 0
            if traps.due(name, os.fspath(place) if not isinstance(place, int) else place):
                traps.spring(str(path))
            return function(path, *arguments, **keywords)

        return watched

    names = (*CHANGES, *(REMOVALS if removals else ()))
    patches = [patch.object(os, name, watching(name, getattr(os, name))) for name in names]
    patches.append(patch.object(files, "_swap", watching("swap", files._swap)))  # it calls the system by itself
    opened = _opening(traps)
    patches += [patch.object(builtins, "open", opened), patch.object(io, "open", opened)]
    for each in patches:
        each.start()
    try:
        yield traps
    finally:
        for each in patches:
            each.stop()


def _opening(traps: Traps) -> Callable:
    real = io.open

    class Raw(io.FileIO):
        def write(self, data) -> int:
            if traps.due("write", self.name):
                if not traps.returns:
                    super().write(bytes(data)[: len(data) // 2])
                traps.spring(str(self.name))
            return super().write(data)

        def truncate(self, *size) -> int:
            if traps.due("truncate", self.name):
                traps.spring(str(self.name))
            return super().truncate(*size)

    def opened(path, mode="r", buffering=-1, encoding=None, errors=None, newline=None, **others):
        if isinstance(path, int) or not set(mode) & set("wax") or others:
            return real(path, mode, buffering, encoding, errors, newline, **others)
        if traps.due("open", os.fspath(path)):
            traps.spring(str(path))
        file = io.BufferedWriter(Raw(os.fspath(path), mode.replace("b", "").replace("t", "")))
        return file if "b" in mode else io.TextIOWrapper(file, encoding, errors, newline)

    return opened
