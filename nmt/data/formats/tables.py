"""Tables in text files: TSV, whose cells hold no tabs and need no quotes, and CSV with quotes."""

import csv
from collections.abc import Iterator
from pathlib import Path

from nmt.data.formats.columns import Column, Gaps, choose
from nmt.data.formats.lines import read_lines
from nmt.errors import DataError

_DELIMITERS = ",;\t|"


def read_tsv(path: Path, columns: tuple[Column, Column], gaps: Gaps) -> Iterator[tuple[str, str]]:
    """Two columns of a table whose cells are separated by tabs."""
    yield from choose(((n, line.split("\t")) for n, line in enumerate(read_lines(path), start=1)), columns, gaps)


def read_csv(path: Path, columns: tuple[Column, Column], gaps: Gaps) -> Iterator[tuple[str, str]]:
    """Two columns of a table with quoted cells, separated by the delimiter that the first line has most of."""
    yield from choose(_rows(path), columns, gaps)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    lines = (f"{line}\n" for line in read_lines(path))
    first = next(lines, "")
    unquoted = "".join(first.split('"')[::2])
    delimiter = max(_DELIMITERS, key=unquoted.count)
    reader = csv.reader(_with(first, lines), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        hint = "a cell with quotes or line breaks is in quotes, and a quote in it is doubled"
        raise DataError(f"{path}:{reader.line_num}: not CSV ({error})", hint=hint) from error


def _with(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines
