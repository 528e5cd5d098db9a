"""SHA256SUMS: what the files of a folder held when they were written, as `sha256sum --check SHA256SUMS` reads it.

A flipped bit in a weight is another weight, and in a setting another setting: no format notices either.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from nmt import files
from nmt.errors import CheckpointError

NAME = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^/\\]+)")
_LARGEST = 1 << 16  # bytes of the list itself


def write(folder: Path, names: Iterable[str]) -> None:
    """Note what these files of a folder hold."""
    files.write_text(folder / NAME, "".join(f"{sha256(folder / name)}  {name}\n" for name in names))


def check(path: Path, *, most: int | None = None) -> None:
    """Raise CheckpointError when a file is missing, larger than `most` bytes or not what its folder's list says."""
    for each in (path, path.with_name(NAME)):
        if not each.is_file():
            raise CheckpointError(f"{each}: no such file", hint="the folder is incomplete; copy all of it again")
    if most is not None and path.stat().st_size > most:
        raise CheckpointError(
            f"{path}: is larger than the {most:,} bytes that it can have", hint="it is no such file, or is damaged"
        )
    if _listed(path.with_name(NAME)).get(path.name) != sha256(path):
        raise CheckpointError(
            f"{path}: is damaged or was changed: it is not what {NAME} says", hint="copy the whole folder again"
        )


def _listed(path: Path) -> dict[str, str]:
    with open(path, "rb") as file:
        text = file.read(_LARGEST).decode("utf-8", errors="replace")
    lines = filter(None, map(_LINE.fullmatch, text.splitlines()))
    return {line[2]: line[1] for line in lines}


def sha256(path: Path) -> str:
    """Of a file's content, as hexadecimal digits."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            found.update(chunk)
    return found.hexdigest()
