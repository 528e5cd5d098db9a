"""Packed files: gzip, xz, bzip2, zstd and zip, recognised by their first bytes and not by their names."""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import IO, Any

from nmt import files, packages
from nmt.errors import DataError

BUFFER = 1 << 18
"""Bytes that are read at once."""
SUFFIXES = (".gz", ".xz", ".bz2", ".zst", ".zip")
"""Endings of packed files' names."""

_MAGIC = {
    b"\x1f\x8b": ".gz", b"\xfd7zXZ\x00": ".xz", b"BZh": ".bz2", b"\x28\xb5\x2f\xfd": ".zst", b"PK\x03\x04": ".zip",
}  # fmt: skip
_SMALL, _DENSE = 1 << 26, 200  # text is packed to a third or a tenth; a bomb of blanks or empty lines to a thousandth
_BESIDES = ("readme", "license", "licence", "about", "copying", "__macosx")  # members of archives that hold no text
_BESIDES_SUFFIXES = (".ids", ".scores", ".md", ".xml")


def packing(path: Path) -> str | None:
    """The ending that stands for how a file is packed, by its first bytes; None for a file that is not packed."""
    with open(path, "rb") as file:
        return _packing(file)


def _packing(file: IO[bytes]) -> str | None:
    begin = file.peek(8)
    return next((suffix for magic, suffix in _MAGIC.items() if begin.startswith(magic)), None)


def members(path: Path) -> list[str]:
    """The text files in a zip archive, without licences and the like."""
    with blaming(path), zipfile.ZipFile(path) as archive:
        return [each.filename for each in archive.infolist() if not each.is_dir() and _is_text(each.filename)]


def _is_text(name: str) -> bool:
    stem = name.lower().rpartition("/")[2]
    return not (stem.startswith(_BESIDES) or name.lower().startswith(_BESIDES) or stem.endswith(_BESIDES_SUFFIXES))


def _may_be_text(begin: bytes) -> bool:
    """Whether the bytes are UTF-8, apart from a character that is cut off; browsers unpack files and keep the name."""
    return b"\0" not in begin and len(begin.decode("utf-8", errors="ignore").encode()) > len(begin) - 4


@contextmanager
def unpacked(path: Path, member: str | None = None) -> Iterator[Iterator[bytes]]:
    """The content of a file in chunks, unpacked if it is packed. `member` names a file of a zip archive, which may be
    left out if the archive holds one text.

    Raises DataError for a file that is missing, damaged, or unpacks to far more than text does.
    """
    with blaming(path), ExitStack() as stack:
        file = stack.enter_context(open(path, "rb"))
        kind = _packing(file)
        if kind is None:
            if path.suffix.lower() in SUFFIXES and not _may_be_text(file.peek(64)[:64]):
                raise damaged(path)
            yield iter(partial(file.read1, BUFFER), b"")
        else:
            stream = stack.enter_context(_OPENERS[kind](file, path, member))
            yield _bounded(iter(partial(stream.read1, BUFFER), b""), path)


def packed(file: IO[bytes], path: Path) -> AbstractContextManager[IO[bytes]]:
    """The file to write, or a stream that packs for it as the path's ending asks: the same bytes for the same lines."""
    match path.suffix.lower():
        case ".gz":
            return gzip.GzipFile("", "wb", fileobj=file, mtime=0)
        case ".xz":
            return lzma.LZMAFile(file, "wb")
        case ".bz2":
            return bz2.BZ2File(file, "wb")
        case ".zst":
            return _zstd(path).ZstdFile(file, "wb")
        case _:
            return nullcontext(file)


def _zstd(path: Path) -> Any:
    try:
        from compression import zstd  # Python 3.14
    except ImportError:
        try:
            from backports import zstd
        except ImportError as error:
            hint = f"{packages.install('zstd')}, or unpack the file with `zstd -d`"
            raise DataError(f"{path}: zstd files need the package backports.zstd", hint=hint) from error
    return zstd


def _open_zstd(file: IO[bytes], path: Path, member: str | None) -> IO[bytes]:
    return _zstd(path).ZstdFile(file, "rb")


def _open_zip(file: IO[bytes], path: Path, member: str | None) -> IO[bytes]:
    found = [member] if member else members(path)
    if len(found) != 1:
        listed = ", ".join(found[:8]) or "none"
        raise DataError(
            f"{path}: expected an archive of one text file, found {len(found)} ({listed})",
            hint="unpack it and name the files; an archive of two files, one per language, can be named by `tsv`",
        )
    try:
        return zipfile.ZipFile(file).open(found[0])
    except RuntimeError as error:  # encrypted, or packed by a method that Python lacks
        raise DataError(f"{path}: {error}", hint="unpack it with a program that can, and name the files") from error


_OPENERS: dict[str, Callable[[IO[bytes], Path, str | None], IO[bytes]]] = {
    ".gz": lambda file, path, member: gzip.GzipFile(fileobj=file),
    ".xz": lambda file, path, member: lzma.LZMAFile(file),  # noqa: SIM115 - `unpacked` closes it
    ".bz2": lambda file, path, member: bz2.BZ2File(file), ".zst": _open_zstd, ".zip": _open_zip,
}  # fmt: skip


def _bounded(chunks: Iterable[bytes], path: Path) -> Iterator[bytes]:
    """The chunks of a packed file. Raises DataError when there are far too many."""
    left = max(_SMALL, _DENSE * path.stat().st_size) if path.is_file() else None
    for chunk in chunks:
        if left is not None:
            left -= len(chunk)
            if left < 0:
                raise DataError(
                    f"{path}: unpacks to more than {_DENSE} times its size",
                    hint="if that is right, unpack it and name the unpacked file",
                )
        yield chunk


@contextmanager
def blaming(path: Path) -> Iterator[None]:
    """Turn the errors of opening and unpacking a file into DataErrors that name it."""
    if path.is_dir():
        raise DataError(f"{path}: is a folder, not a text file", hint="name the file in it")
    try:
        with files.naming(path):
            yield
    except FileNotFoundError as error:
        hint = "paths in a config are relative to the config file, those of a command to the current folder"
        raise DataError(f"{path}: no such file", hint=hint) from error
    except _DAMAGE as error:
        raise damaged(path) from error
    except Exception as error:
        # bzip2 raises an OSError without a number; zstd may be a package that is not installed
        if (isinstance(error, OSError) and error.errno is None) or type(error).__name__ == "ZstdError":
            raise damaged(path) from error
        raise


_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile)


def damaged(path: Path) -> DataError:
    """The error for a packed file that cannot be unpacked."""
    kind = path.suffix.lower() if path.suffix.lower() in SUFFIXES else "packed"
    return DataError(f"{path}: damaged or truncated {kind} file", hint="copy or download it again")
