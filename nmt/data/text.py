"""Parallel text in, pairs of lines out: two aligned files, or one file in any of several forms."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import zip_longest
from pathlib import Path

from nmt.config import ParallelText
from nmt.config.data import COLUMNS
from nmt.data.formats.columns import Column, Gaps, Note
from nmt.data.formats.encoding import LONGEST, decode_lines, encoding_of
from nmt.data.formats.lines import check_text, read_lines
from nmt.data.formats.packing import BUFFER, SUFFIXES, blaming, members, packed, packing, unpacked
from nmt.data.formats.records import read_jsonl, read_parquet
from nmt.data.formats.tables import read_csv, read_tsv
from nmt.data.formats.tmx import read_tmx
from nmt.errors import DataError

__all__ = [
    "LONGEST", "by_language", "check_files", "decode_lines", "digest", "form_in_name", "packed", "read_lines",
    "read_pairs",
]  # fmt: skip

_FORMS = {"csv": read_csv, "tsv": read_tsv, "jsonl": read_jsonl, "tmx": read_tmx, "parquet": read_parquet}
_JSON = re.compile(r'\{\s*"|\[\s*[{\]]')
_IN_NAMES = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv"}


def check_files(paths: Iterable[Path]) -> None:
    """Raise DataError for a pipe, from which text cannot be read twice. Reading reports missing files."""
    for path in paths:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise DataError(f"{path}: is no file, and the text is read more than once", hint="write it to a file first")


def digest(path: Path) -> str:
    """The BLAKE2b hash of a file's bytes, packed or not. Raises DataError when it is missing, or no file."""
    check_files([path])
    content = hashlib.blake2b(digest_size=16)
    with blaming(path), open(path, "rb") as stream:
        for chunk in iter(partial(stream.read, BUFFER), b""):
            content.update(chunk)
    return content.hexdigest()


def read_pairs(
    text: ParallelText, *, note: Note = lambda sentence: None, lenient: bool = False
) -> Iterator[tuple[str, str]]:
    """The sentence pairs of a parallel text, file after file. `note` takes sentences for the report.

    Raises DataError when the two files of a pair differ in length, or a row lacks a column; with `lenient` up to 1% of
    the rows may, and are left out.
    """
    for path in text.tsv:
        yield from _one_file(path, text.columns, Gaps(path, lenient=lenient, note=note))
    for source, target in zip(text.source, text.target, strict=True):
        yield from _aligned(read_lines(source), read_lines(target), (source, target))


def by_language(text: ParallelText, languages: tuple[str, str]) -> ParallelText:
    """The text with its columns named by the languages, if all of its files name them; else unchanged."""
    if not text.tsv or text.columns != COLUMNS:
        return text
    named = text.model_copy(update={"columns": languages})
    try:
        for path in text.tsv:
            next(read_pairs(named.model_copy(update={"tsv": (path,)})), None)
    except DataError:
        return text
    return named


def form_in_name(path: Path) -> str | None:
    """The form that a file's name gives to its content: tsv, csv, or None if the content decides."""
    name = path.stem if path.suffix.lower() in SUFFIXES else path.name
    return _IN_NAMES.get(Path(name).suffix.lower())


def _one_file(path: Path, columns: tuple[Column, Column], gaps: Gaps) -> Iterator[tuple[str, str]]:
    if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe can be read only once
        return read_tsv(path, columns, gaps)
    with blaming(path):
        inside = members(path) if packing(path) == ".zip" else []
    if len(inside) == 2:
        pair = [_member(path, inside, column) for column in columns]
        return _aligned(*(read_lines(path, member) for member in pair), tuple(f"{path}/{each}" for each in pair))
    return _FORMS[_form(path)](path, columns, gaps)


def _member(path: Path, inside: list[str], column: Column) -> str:
    """The file of an archive for a side: the first or second, or the one whose name ends in a language."""
    found = inside[column - 1 : column] if isinstance(column, int) else [
        name for name in inside if name.lower().removesuffix(".txt").endswith(f".{column.lower()}")]  # fmt: skip
    if not found:
        raise DataError(f"{path}: no file for {column} among {', '.join(inside)}", hint="`columns` names two: [de, en]")
    return found[0]


def _form(path: Path) -> str:
    """The form of a file that holds both sides, by its first bytes, else by its name."""
    with unpacked(path) as chunks:
        begin = next(chunks, b"")
    encoding, mark = encoding_of(begin)
    if begin.startswith(b"PAR1"):
        return "parquet"
    first = begin[mark : mark + 256].decode(encoding, errors="ignore").lstrip().lower()
    if first.startswith(("<?xml", "<tmx", "<!doctype tmx")):
        return "tmx"
    check_text(begin, path)
    if named := form_in_name(path):
        return named
    if _JSON.match(first):
        return "jsonl"
    return "tsv"


def _aligned(
    sources: Iterator[str], targets: Iterator[str], names: tuple[Path | str, Path | str]
) -> Iterator[tuple[str, str]]:
    for number, (left, right) in enumerate(zip_longest(sources, targets)):
        if left is None or right is None:
            longer = sources if right is None else targets
            counts = [number, number + 1 + sum(1 for _ in longer)]
            in_source, in_target = reversed(counts) if right is None else counts
            raise DataError(
                f"{names[0]} has {in_source} lines but {names[1]} has {in_target}",
                hint="line n of one file must translate line n of the other",
            )
        yield left, right
