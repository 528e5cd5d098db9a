"""Lines of text files, packed or not, in UTF-8 or with a byte order mark in UTF-16."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from nmt.data.formats.encoding import decode_lines, fault_of
from nmt.data.formats.packing import unpacked
from nmt.errors import DataError


def read_lines(path: Path, member: str | None = None) -> Iterator[str]:
    """The lines of a text file, unpacked if it is packed; `member` names a file of a zip archive.

    Raises DataError when it is missing, damaged, not text, not UTF-8, or unpacks to far more than text does.
    """
    with unpacked(path, member) as chunks:
        first = next(chunks, b"")
        check_text(first, path)
        yield from decode_lines(chain([first], chunks), f"{path}/{member}" if member else str(path))


def check_text(begin: bytes, path: Path) -> None:
    """Raise DataError if a file, of which these are the first bytes after unpacking, is not text."""
    if fault := fault_of(begin):
        raise DataError(f"{path}: {fault.what}", hint=fault.hint)
