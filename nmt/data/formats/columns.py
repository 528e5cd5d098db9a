"""Choosing two columns of a table: by number or by name, with or without a header line, and rows that lack one."""

import locale
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from nmt.errors import DataError

Column = int | str
"""A column's number, counted from 1, or its name."""
Note = Callable[[str], None]
"""A function that takes a sentence for the report."""

_SHARE, _FEW = 0.01, 10  # rows that may lack a column: a percent, and never mind the first few in a stream
_ROLES = {"source", "target", "src", "tgt", "trg", "source_text", "target_text", "original", "translation", "reference"}
_LANGUAGES = {each.partition("_")[0] for each in locale.locale_alias if each.isascii() and each.isalpha()}
_REGION = re.compile(r"[-_][a-z]{2,4}$")
_BREAKS = re.compile(r"[\r\n]+")


def is_header(cells: Sequence[str]) -> bool:
    """Whether the cells of a first line name languages (de, pt-BR, German) or sides (source, target)."""
    names = [_REGION.sub("", cell.strip().strip('"').lower()) for cell in cells]
    return len(set(names)) == len(names) and all(name in _ROLES or name in _LANGUAGES for name in names)


def one_line(cell: str) -> str:
    """A cell without line breaks, as one line must stay one line."""
    return _BREAKS.sub(" ", cell)


def number_of(column: Column, names: Sequence[str], path: Path) -> int:
    """The place of a column, counted from 0. Raises DataError for a name that is not among `names`."""
    if isinstance(column, int):
        return column - 1
    lowered = [name.strip().strip('"').lower() for name in names]
    if column.lower() not in lowered:
        raise DataError(
            f'{path}: expected a column named "{column}" in the first line, found {", ".join(names[:8]) or "none"}',
            hint="`columns` takes two names or two numbers, such as [1, 2]",
        )
    return lowered.index(column.lower())


class Gaps:
    """Rows without one of the two columns: left out and counted, or the first of them is an error."""

    def __init__(self, path: Path, *, lenient: bool, note: Note):
        self.path, self.lenient, self.note = path, lenient, note
        self.rows = self.missing = 0
        self.first: DataError | None = None

    def skip(self, number: int, found: str) -> None:
        """Leave out a row. Raises DataError if rows may not be left out, or too many were."""
        self.missing += 1
        self.first = self.first or DataError(
            f"{self.path}:{number}: {found}",
            hint="columns are separated by tabs; in a config `columns` chooses two, on the command line --columns",
        )
        if not self.lenient or self.missing > max(_FEW, _SHARE * (self.rows + self.missing)):
            raise self.first

    def close(self) -> None:
        """Report what was left out. Raises DataError if that is more than a percent."""
        if not self.missing:
            return
        if self.missing > _SHARE * (self.rows + self.missing):
            raise self.first
        self.note(f"{self.missing:,} rows were left out, as they lack a column; the first: {self.first.message}")


def choose(
    rows: Iterable[tuple[int, Sequence[str]]], columns: tuple[Column, Column], gaps: Gaps
) -> Iterator[tuple[str, str]]:
    """The cells of two columns from each row of a table; rows come with the number of their line."""
    places: list[int] = []
    for number, cells in rows:
        if not places:
            places = [number_of(column, cells, gaps.path) for column in columns]
            chosen = [cells[place] for place in places if place < len(cells)]
            if any(isinstance(column, str) for column in columns) or (len(chosen) == 2 and is_header(chosen)):
                gaps.note(f"{gaps.path}: the first line names the columns ({', '.join(chosen)}) and is not a pair")
                continue
        if max(places) >= len(cells):
            found = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
            gaps.skip(number, f"{found}, but column {max(places) + 1} is asked for")
            continue
        gaps.rows += 1
        yield one_line(cells[places[0]]), one_line(cells[places[1]])
    gaps.close()
