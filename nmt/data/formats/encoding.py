"""Bytes to lines: UTF-8, or UTF-16 and UTF-32 with a byte order mark.

A line ends at LF and nowhere else, so that sentence n of one side stays with sentence n of the other whatever the text
holds: U+2028, NEL, VT, FF and a lone CR are characters of a line. One CR before the LF is dropped, and so is a byte
order mark at the start of a file.
"""

import codecs
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from nmt.errors import DataError

LONGEST = 1 << 24
"""Bytes of a line: a file without line breaks must not fill the memory."""

_MARKS = {
    codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF32_LE: "utf-32-le", codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be",
}  # fmt: skip
_NUMBER_OF_CRS = 10  # lone CRs in a text without any LF that make it look like one of old Macs

_FOREIGN = {
    b"%PDF-": "a PDF document", b"{\\rtf": "an RTF document", b"\xd0\xcf\x11\xe0": "an old Office document",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive", b"Rar!": "a RAR archive", b"SQLite format 3\0": "an SQLite database",
    b"PAR1": "a Parquet table", b"\xde\x12\x04\x95": "a compiled gettext catalogue", b"\x93NUMPY": "a NumPy array",
}  # fmt: skip


class Fault(NamedTuple):
    """Why a file is not text that can be read."""

    what: str
    hint: str


def decode_lines(chunks: Iterable[bytes] | BinaryIO, name: str) -> Iterator[str]:
    """The lines of a byte stream, each as soon as its LF has come; `name` is the file to blame.

    Raises DataError when a line is not in the encoding of the file, or has more than LONGEST bytes.
    """
    for number, line in enumerate(_split(_as_utf8(chunks, name), name), start=1):
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError as error:
            column = len(line[: error.start].decode("utf-8")) + 1
            raise DataError(
                f"{name}:{number}: not UTF-8 (byte 0x{line[error.start]:02x} at column {column})",
                hint="convert the text to UTF-8, for example with `iconv -f LATIN1 -t UTF-8`",
            ) from error


def encoding_of(begin: bytes) -> tuple[str, int]:
    """The encoding that the first bytes of a text name, and the length of their byte order mark."""
    return next(((encoding, len(mark)) for mark, encoding in _MARKS.items() if begin.startswith(mark)), ("utf-8", 0))


def _as_utf8(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The text in UTF-8 without its byte order mark, however the chunks are cut."""
    chunks, begin = iter(chunks), b""
    while any(len(begin) < len(mark) and mark.startswith(begin) for mark in _MARKS):
        if (chunk := next(chunks, None)) is None:
            break
        begin += chunk
    encoding, mark = encoding_of(begin)
    if encoding == "utf-8":
        yield begin[mark:]
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        yield decoder.decode(begin[mark:]).encode()
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        message = f"{name}: begins with the byte order mark of {encoding.upper()} but is not in that encoding"
        raise DataError(message, hint="save the text as UTF-8") from error


def _split(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Bytes cut at any place -> lines without their LF or CRLF."""
    begun: list[bytes] = []  # of the line that the last chunk left open
    size, number = 0, 1  # its bytes, and which line it is
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        begun.append(first)
        size += len(first)
        if size > LONGEST:
            hint = "check that it is text; lines end in LF"
            raise DataError(f"{name}:{number}: is longer than {LONGEST:,} bytes", hint=hint)
        for start in others:
            yield b"".join(begun).removesuffix(b"\r")
            begun, size, number = [start], len(start), number + 1
    rest = b"".join(begun)
    if rest:
        yield rest


def fault_of(begin: bytes) -> Fault | None:
    """Recognise files that cannot be read line by line, by their first bytes; None if nothing speaks against it."""
    for magic, kind in _FOREIGN.items():
        if begin.startswith(magic):
            return Fault(f"is {kind}, not text", "save or export it as plain text in UTF-8, one sentence per line")
    if begin[257:262] == b"ustar":
        return Fault("is a tar archive, not text", "unpack it with `tar xf` and name the files")
    if encoding_of(begin)[1]:
        return None
    if order := _utf16_order(begin):
        return Fault(
            f"looks like UTF-16{order} without a byte order mark", f"`iconv -f UTF-16{order} -t UTF-8 OLD > NEW`"
        )
    if begin.count(b"\r") >= _NUMBER_OF_CRS and b"\n" not in begin:
        return Fault("its lines end in CR alone, as on old Macs; expected LF", "`tr '\\r' '\\n' < OLD > NEW`")
    return None


def _utf16_order(begin: bytes) -> str:
    """LE or BE if so many bytes are NUL, nearly all of them at odd or at even places, as in UTF-16; else nothing."""
    even, odd = begin[::2].count(0), begin[1::2].count(0)
    if len(begin) < 16 or even + odd < 0.25 * len(begin) or min(even, odd) > 0.05 * (even + odd):
        return ""
    return "LE" if odd > even else "BE"
