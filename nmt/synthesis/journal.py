"""What was translated so far, kept beside the folder of a corpus until that is whole: whatever ends the work, even a
kill, it can go on from there, with the same result.

    .NAME.part      JSON: first who writes the corpus and how, then a line for each window (see decoding/windows.py):
                    [[checksum of all of this, translation of a line or null, null or why it has none], ...]

Whole windows alone are kept, so that what follows is cut into the same batches as if nothing had happened.
"""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from nmt import files
from nmt.decoding.windows import Filling
from nmt.errors import DataError, NMTError

Line = tuple[str, str]
"""What is to be translated, and what stands beside it."""
Outcome = tuple[str | None, str | None]
"""A line's translation, or None and why there is none."""

_FREE = "batch_tokens"  # of the search: changes the last digits alone, and is what one changes when memory was short


def place(folder: Path) -> Path:
    """Where the journal of a corpus is."""
    return folder.with_name(f".{folder.name}.part")


def check(folder: Path, *, resume: bool, force: bool) -> None:
    """Raise NMTError where there is one, and it is not said what shall become of it."""
    if place(folder).is_file() and not (resume or force):
        raise NMTError(f"{folder}: was begun", hint="--resume goes on, --force starts anew")


class Journal:
    """The lines that were translated, window by window."""

    def __init__(self, path: Path, facts: Mapping[str, Any]):
        """Goes on with the file at `path`, if there is one. Raises NMTError where it is of other `facts`."""
        self._path, self._facts = path, _identity(facts)
        self._file: IO[bytes] | None = None
        self._window: list[tuple[int, str | None, str | None]] = []
        self._filling = Filling()
        self._end = _check(path, self._facts) if path.exists() else 0

    def replay(self, lines: Iterator[Line]) -> Iterator[tuple[Line, Outcome]]:
        """Takes the lines that were translated from `lines`. Raises DataError where they are others by now."""
        if not self._end:
            return
        number = 0
        with open(self._path, "rb") as file:
            file.readline()  # the facts
            while file.tell() < self._end:
                for known, *outcome in self._read(file.readline()):
                    line, number = next(lines, None), number + 1
                    if line is None or _checksum(line, outcome) != known:
                        raise DataError(
                            f"line {number:,} is another than it was, or {self._path} is damaged",
                            hint="--force starts anew",
                        )
                    yield line, tuple(outcome)

    def _read(self, window: bytes) -> list[list]:
        try:
            return json.loads(window)
        except ValueError as error:
            raise DataError(f"{self._path}: is damaged", hint="--force starts anew") from error

    def add(self, line: Line, outcome: Outcome) -> None:
        """Keep what came of the next line."""
        self._window.append((_checksum(line, outcome), *outcome))
        if self._filling.add(line[0]):
            self._write(self._window)
            self._window = []

    def close(self) -> None:
        """What it holds stays."""
        if self._file:
            self._file.close()

    def _write(self, value: Any) -> None:
        with files.naming(self._path):
            if self._file is None:
                self._file = open(self._path, "ab")  # noqa: SIM115 (open as long as lines come)
                self._file.truncate(self._end)
                if not self._end:
                    self._file.write(_as_line(self._facts))
            self._file.write(_as_line(value))
            self._file.flush()


@contextmanager
def opened(folder: Path, facts: Mapping[str, Any], *, resume: bool) -> Iterator[Journal]:
    """The journal of a corpus, which is removed when the block ends without an error: by then the corpus is whole."""
    path = place(folder)
    if not resume:
        files.remove(path)
    journal = Journal(path, facts)
    try:
        yield journal
    finally:
        journal.close()
    files.remove(path)


def _identity(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What must be the same for the rest to follow from the beginning."""
    search = {name: value for name, value in facts["search"].items() if name != _FREE}
    return json.loads(json.dumps({**facts, "search": search}))


def _check(path: Path, facts: dict[str, Any]) -> int:
    """The end of the last whole window."""
    with open(path, "rb") as file:
        try:
            known = json.loads(file.readline())
        except ValueError:
            return 0  # killed while it was begun
        if known != facts:
            raise NMTError(f"{path}: was begun with another model, search or nmt", hint="--force starts anew")
        end = file.tell()
        for line in file:
            if not _is_whole(line):
                break
            end += len(line)
        return end


def _is_whole(line: bytes) -> bool:
    """Whether no kill and no full disk has cut it: brackets close at its end alone."""
    return line.endswith(b"]]\n")


def _as_line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def _checksum(line: Line, outcome: Sequence[str | None]) -> int:
    return zlib.crc32(json.dumps([line, outcome]).encode())
