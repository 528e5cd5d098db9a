"""SHA256SUMS: what the files of a folder held when they were written, as `sha256sum --check SHA256SUMS` reads it.

A flipped bit in a weight is another weight, and in a setting another setting: no format notices either.
"""

import hashlib
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from nmt import files
from nmt.errors import CheckpointError

NAME = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^/\\]+)")
_LARGEST = 1 << 16  # bytes of the list itself
_KINDS = ((stat.S_ISLNK, "a link"), (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"))


def write(folder: Path, names: Iterable[str]) -> None:
    """Note what these files of a folder hold."""
    files.write_text(folder / NAME, "".join(f"{sha256(folder / name)}  {name}\n" for name in names))


def check(path: Path, *, most: int | None = None) -> None:
    """Raise CheckpointError unless a file is a plain one of at most `most` bytes and has the sum that is listed."""
    check_plain(path, most=most)
    if _listed(path.with_name(NAME)).get(path.name) != sha256(path):
        raise CheckpointError(
            f"{path}: is damaged or was changed: it is not what {NAME} says", hint="copy the whole folder again"
        )


def check_plain(path: Path, *, most: int | None = None) -> None:
    """Raise CheckpointError unless a file is there, is a plain file and has at most `most` bytes.

    A link may lead anywhere, a device or pipe gives bytes without end, or none for ever.
    """
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CheckpointError(f"{path}: no such file", hint="the folder is incomplete; copy all of it again") from error
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for check, name in _KINDS if check(found.st_mode)), "a special file")
        raise CheckpointError(
            f"{path}: expected a plain file, found {kind}", hint="copy the folder again, with files in place of links"
        )
    if most is not None and found.st_size > most:
        raise CheckpointError(
            f"{path}: is larger than the {most:,} bytes that it can have", hint="it is no such file, or is damaged"
        )


def _listed(path: Path) -> dict[str, str]:
    """The sums by the names of the files. Raises CheckpointError for a list that names a file twice."""
    check_plain(path, most=_LARGEST)
    text = path.read_bytes().decode("utf-8", errors="replace")
    lines = [*filter(None, map(_LINE.fullmatch, text.splitlines()))]
    listed = {line[2]: line[1] for line in lines}
    if len(listed) < len(lines):
        raise CheckpointError(f"{path}: lists a file twice", hint="copy the whole folder again")
    return listed


def sha256(path: Path) -> str:
    """Of a file's content, as hexadecimal digits."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            found.update(chunk)
    return found.hexdigest()
