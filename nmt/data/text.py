"""Parallel text in, lines out: plain, .gz and .xz files, TSV, several files one after the other.

A line ends at LF and nowhere else, so that sentence n of one side stays beside sentence n of the other whatever the
text holds: U+2028, NEL, VT, FF and a lone CR are characters of a line. One CR before the LF is dropped, and so is a
byte order mark at the start of a file.
"""

import gzip
import hashlib
import lzma
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import IO, BinaryIO

from nmt import files
from nmt.config import ParallelText
from nmt.errors import DataError

LONGEST = 1 << 24
"""Bytes of a line: a file without line breaks must not fill the memory."""

_BOM = b"\xef\xbb\xbf"
_BUFFER = 1 << 18
_SMALL, _DENSE = 1 << 26, 200  # text is packed to a third or a tenth; a bomb of blanks or empty lines to a thousandth


def decode_lines(chunks: Iterable[bytes] | BinaryIO, name: str) -> Iterator[str]:
    """The lines of a byte stream, each as soon as its LF has come; `name` is the file to blame.

    Raises DataError when a line is not UTF-8, or has more than LONGEST bytes.
    """
    for number, line in enumerate(_split(_without_mark(chunks), name), start=1):
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError as error:
            column = len(line[: error.start].decode("utf-8")) + 1
            raise DataError(
                f"{name}:{number}: not UTF-8 (byte 0x{line[error.start]:02x} at column {column})",
                hint="convert the text to UTF-8, for example with iconv",
            ) from error


def _without_mark(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes without the byte order mark before them, however they are cut."""
    chunks, begin = iter(chunks), b""
    while begin != _BOM and _BOM.startswith(begin) and (chunk := next(chunks, None)) is not None:
        begin += chunk
    yield begin.removeprefix(_BOM)
    yield from chunks


def _split(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Bytes cut at any place -> lines without their LF or CRLF."""
    begun: list[bytes] = []  # of the line that the last chunk left open
    size, number = 0, 1  # its bytes, and which line it is
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        begun.append(first)
        size += len(first)
        if size > LONGEST:
            raise DataError(f"{name}:{number}: is longer than {LONGEST:,} bytes", hint="is it text? lines end in LF")
        for start in others:
            yield b"".join(begun).removesuffix(b"\r")
            begun, size, number = [start], len(start), number + 1
    rest = b"".join(begun)
    if rest:
        yield rest


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a text file, unpacked when its name ends in .gz or .xz.

    Raises DataError when it is missing, damaged, not UTF-8, or unpacks to far more than text does.
    """
    opener = {".gz": gzip.open, ".xz": lzma.open}.get(path.suffix.lower(), open)
    with _blaming(path), opener(path, "rb") as stream:
        chunks = iter(partial(stream.read1, _BUFFER), b"")
        yield from decode_lines(_bounded(chunks, path) if opener is not open and path.is_file() else chunks, str(path))


def packed(file: IO[bytes], path: Path) -> AbstractContextManager[IO[bytes]]:
    """The file to write, or what packs for it, as the name says: the same bytes for the same lines."""
    match path.suffix.lower():
        case ".gz":
            return gzip.GzipFile("", "wb", fileobj=file, mtime=0)
        case ".xz":
            return lzma.LZMAFile(file, "wb")
        case _:
            return nullcontext(file)


def _bounded(chunks: Iterable[bytes], path: Path) -> Iterator[bytes]:
    """The chunks of a packed file. Raises DataError when there are far too many."""
    left = max(_SMALL, _DENSE * path.stat().st_size)
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise DataError(
                f"{path}: unpacks to more than {_DENSE} times its size", hint="if that is right, give it unpacked"
            )
        yield chunk


def check_files(paths: Iterable[Path]) -> None:
    """Raise DataError for a pipe, from which text cannot be read twice. What is missing is told when it is read."""
    for path in paths:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise DataError(f"{path}: is no file, and the text is read more than once", hint="write it to a file first")


def digest(path: Path) -> str:
    """The BLAKE2b hash of a file's bytes, packed or not. Raises DataError when it is missing, or no file."""
    check_files([path])
    content = hashlib.blake2b(digest_size=16)
    with _blaming(path), open(path, "rb") as stream:
        for chunk in iter(partial(stream.read, _BUFFER), b""):
            content.update(chunk)
    return content.hexdigest()


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """What a file of the user's can have wrong, as DataErrors."""
    if path.is_dir():
        raise DataError(f"{path}: is a folder, not a text file", hint="name the file in it")
    try:
        with files.naming(path):
            yield
    except FileNotFoundError as error:
        hint = "paths in a config are relative to the config file, those of a command to the current folder"
        raise DataError(f"{path}: no such file", hint=hint) from error
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged or truncated {path.suffix} file", hint="copy or download it again") from error


def read_pairs(text: ParallelText) -> Iterator[tuple[str, str]]:
    """The sentence pairs of a parallel text, file after file.

    Raises DataError when the two files of a pair differ in length, or a TSV line has too few columns.
    """
    for path in text.tsv:
        yield from _columns(path, text.columns)
    for source, target in zip(text.source, text.target, strict=True):
        yield from _aligned(source, target)


def _columns(path: Path, columns: tuple[int, int]) -> Iterator[tuple[str, str]]:
    source, target = columns[0] - 1, columns[1] - 1
    for number, line in enumerate(read_lines(path), start=1):
        cells = line.split("\t")
        if len(cells) < max(columns):
            found = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
            raise DataError(
                f"{path}:{number}: {found}, but column {max(columns)} is asked for",
                hint="columns are separated by tabs; in a config `columns` says which two to take",
            )
        yield cells[source], cells[target]


def _aligned(source: Path, target: Path) -> Iterator[tuple[str, str]]:
    sources, targets = read_lines(source), read_lines(target)
    for number, (left, right) in enumerate(zip_longest(sources, targets)):
        if left is None or right is None:
            longer = sources if right is None else targets
            counts = [number, number + 1 + sum(1 for _ in longer)]
            in_source, in_target = reversed(counts) if right is None else counts
            raise DataError(
                f"{source} has {in_source} lines but {target} has {in_target}",
                hint="line n of one file must translate line n of the other",
            )
        yield left, right
