"""Outputs that are written through instead of being replaced: open descriptors, named pipes and character devices.

    /dev/stdout   /dev/stderr   /dev/fd/N   /proc/self/fd/N   /proc/PID/fd/N   and links to them

A name of a descriptor resolves to the file that is open there. To replace that file would lose what others have written
to it, so the bytes go through the descriptor itself, at the position where it stands.
"""

import os
import re
import stat
from pathlib import Path
from typing import IO, NamedTuple

from nmt.errors import NMTError

_FOLDER = re.compile(r"/dev/fd|(/proc/[0-9]+)(/task/[0-9]+)?/fd")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_MOST_LINKS = 40  # as Linux follows


class Descriptor(NamedTuple):
    """An open file, by its number in a process."""

    number: int
    own: bool
    """Whether the process is this one."""


def descriptor(path: str | Path) -> Descriptor | None:
    """The descriptor that a name stands for, directly or through links; None for any other name."""
    path = str(path)
    for _ in range(_MOST_LINKS):
        above, name = os.path.split(path)
        folder = os.path.realpath(above or ".")
        if (found := _FOLDER.fullmatch(folder)) and _NUMBER.fullmatch(name):
            return Descriptor(int(name), found[1] in (None, os.path.realpath("/proc/self")))
        if not os.path.islink(path):
            return None
        path = os.path.join(folder, os.readlink(path))
    return None


def is_stream(path: Path) -> bool:
    """Whether an output of this name is written through: an open descriptor, a named pipe or a character device."""
    if descriptor(path):
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def refuse(path: str | Path) -> None:
    """Raise NMTError for a name that stands for an open descriptor, as a file or folder is needed."""
    if descriptor(path):
        raise NMTError(f"{path}: needs to be a file or folder, and is an open stream", hint="give another name")


def check(path: Path) -> None:
    """Raise NMTError for a descriptor of another process, or one that is not open for writing."""
    found = descriptor(path)
    if found and not found.own:
        raise NMTError(f"{path}: is a stream of another process", hint="give a file, or /dev/stdout")
    if found and not _is_writable(found.number):
        number = found.number
        raise NMTError(f"{path}: descriptor {number} is not open for writing", hint=f"redirect it: {number}> FILE")


def opened(path: Path) -> IO[bytes]:
    """A buffered stream that writes through to `path`, of which is_stream holds. A pipe waits for its reader.

    Raises NMTError as `check` does.
    """
    check(path)
    found = descriptor(path)
    return os.fdopen(os.dup(found.number) if found else os.open(path, os.O_WRONLY), "wb")


def _is_writable(number: int) -> bool:
    import fcntl  # not on Windows, where no name stands for a descriptor

    try:
        return fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
    except OSError:
        return False
