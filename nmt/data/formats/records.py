"""Records with named fields: JSON lines, and Parquet tables, each in the form of Hugging Face's datasets too.

A record holds both texts: {"de": "Ja.", "en": "Yes."}, or one level deeper as {"translation": {"de": ..., "en": ...}}.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nmt import packages
from nmt.data.formats.columns import Column, Gaps, one_line
from nmt.data.formats.lines import read_lines
from nmt.errors import DataError

_BATCH = 4096  # rows of a Parquet table that are held at once


def read_jsonl(path: Path, columns: tuple[Column, Column], gaps: Gaps) -> Iterator[tuple[str, str]]:
    """Two fields of the JSON object on each line."""
    yield from _fields(_objects(path), columns, gaps)


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            hint = "each line is one object; `jq -c .[] OLD > NEW` turns a list into lines"
            raise DataError(f"{path}:{number}: not a JSON object on one line", hint=hint) from error
        if not isinstance(value, dict):
            hint = 'such as {"de": "Ja.", "en": "Yes."}; `jq -c .[] OLD > NEW` turns a list into lines'
            raise DataError(f"{path}:{number}: expected a JSON object, found another value", hint=hint)
        yield number, value


def read_parquet(path: Path, columns: tuple[Column, Column], gaps: Gaps) -> Iterator[tuple[str, str]]:
    """Two columns of a Parquet table."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        hint = f"{packages.install('parquet')}, or export the table as TSV or JSON lines"
        raise DataError(f"{path}: Parquet tables need the package pyarrow", hint=hint) from error
    try:
        with parquet.ParquetFile(path) as table:
            batches = table.iter_batches(batch_size=_BATCH)
            yield from _fields(enumerate((row for batch in batches for row in batch.to_pylist()), 1), columns, gaps)
    except (pyarrow.ArrowException, OSError) as error:
        if getattr(error, "errno", None) is not None:
            raise
        raise DataError(f"{path}: damaged Parquet table", hint="copy or download it again") from error


def _fields(
    records: Iterable[tuple[int, dict[str, Any]]], columns: tuple[Column, Column], gaps: Gaps
) -> Iterator[tuple[str, str]]:
    names: list[str] = []
    for number, record in records:
        if isinstance(record.get("translation"), dict):
            record = record["translation"]
        names = names or [_name(column, list(record), gaps.path) for column in columns]
        pair = [record.get(name) for name in names]
        if not all(isinstance(text, str) for text in pair):
            lacking = next(name for name, text in zip(names, pair, strict=True) if not isinstance(text, str))
            gaps.skip(number, f'no text in the field "{lacking}"')
            continue
        gaps.rows += 1
        yield one_line(pair[0]), one_line(pair[1])
    gaps.close()


def _name(column: Column, names: list[str], path: Path) -> str:
    """The field of a record for a column; a number counts the fields of the first record."""
    place = column - 1 if isinstance(column, int) else names.index(column) if column in names else len(names)
    if place >= len(names):
        raise DataError(
            f"{path}: expected a field {json.dumps(column)}, found {', '.join(names[:8]) or 'none'}",
            hint="`columns` takes two names, such as [de, en]",
        )
    return names[place]
