"""A line ends at LF and nowhere else; whatever is wrong with a file is said with its name and line."""

import gzip
import io
import lzma

import pytest

from nmt.config import ParallelText
from nmt.data.text import decode_lines, digest, read_lines, read_pairs
from nmt.errors import DataError

STRANGE = [
    "", "  ", "a\u2028b", "a\x85b\x0bc\x0cd", "a\rb", "nul\0nul", "😀 é", "word " * 10_000, "\ufeffx", "<s> </s>",
]  # fmt: skip


def packed(folder, suffix, content):
    path = folder / f"text{suffix}"
    path.write_bytes({".gz": gzip.compress, ".xz": lzma.compress}.get(suffix, bytes)(content))
    return path


def pairs(source, target):
    return list(read_pairs(ParallelText(source=source, target=target)))


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_come_back_as_they_were_written(tmp_path, suffix, end):
    content = "".join(line + end for line in ["first", *STRANGE])
    assert list(read_lines(packed(tmp_path, suffix, content.encode()))) == ["first", *STRANGE]


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"\n\na", ["", "", "a"]),
        (b"a\r\r\n", ["a\r"]),
        (b"a\r", ["a\r"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", ["a", "\ufeffb"]),
        (b"\xef\xbb\xbf", []),
        (b"\xef\xbb\xbf\n", [""]),
    ],
)
def test_ends_and_marks(tmp_path, content, lines):
    assert list(read_lines(packed(tmp_path, "", content))) == lines


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_chunks_may_be_cut_anywhere(size):
    content = ("\ufeff" + "\r\n".join([*STRANGE[:-3], "ü" * 20, "end"]) + "\n").encode()
    chunks = (content[begin : begin + size] for begin in range(0, len(content), size))
    assert list(decode_lines(chunks, "it")) == [*STRANGE[:-3], "ü" * 20, "end"]


def test_a_line_is_there_as_soon_as_its_end_has_come():
    seen = []

    def stream():
        for chunk in (b"1\n", b"tw", b"o\n"):
            seen.append(chunk)
            yield chunk

    lines = decode_lines(stream(), "pipe")
    assert next(lines) == "1" and len(seen) == 1
    assert list(lines) == ["two"]
    assert list(decode_lines(io.BytesIO(b"a\nb"), "stream")) == ["a", "b"]


def test_what_is_not_utf8_is_named_with_file_line_and_column(tmp_path):
    path = packed(tmp_path, ".gz", "fine\nschön ".encode() + "schön".encode("latin-1") + b"\n")
    with pytest.raises(DataError, match=r"text\.gz:2: not UTF-8 \(byte 0xf6 at column 10\)") as caught:
        list(read_lines(path))
    assert "UTF-8" in caught.value.hint


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
@pytest.mark.parametrize("harm", ["cut", "changed", "no archive"])
def test_damaged_archives(tmp_path, suffix, harm):
    path = packed(tmp_path, suffix, "".join(f"{number * 7919}\n" for number in range(5000)).encode())
    good = path.read_bytes()
    harmed = {"cut": good[:-20], "changed": good[:40] + b"\xff" * 20 + good[60:], "no archive": b"\xa0" + good}
    path.write_bytes(harmed[harm])
    with pytest.raises(DataError, match=rf"text\{suffix}: damaged or truncated") as caught:
        list(read_lines(path))
    assert caught.value.hint


def test_missing_files_and_folders(tmp_path):
    for read in (lambda path: list(read_lines(path)), digest):
        with pytest.raises(DataError, match=r"nothing\.de: no such file"):
            read(tmp_path / "nothing.de")
        with pytest.raises(DataError, match="is a folder"):
            read(tmp_path)


@pytest.mark.parametrize(("sources", "targets"), [(3, 7), (7, 3), (0, 2), (2, 0)])
def test_unequal_sides_are_named_with_both_counts(tmp_path, sources, targets):
    source, target = tmp_path / "a.de", tmp_path / "a.en"
    source.write_bytes(b"x\n" * sources)
    target.write_bytes(b"x\n" * targets)
    with pytest.raises(DataError, match=rf"a\.de has {sources} lines but .*a\.en has {targets}"):
        pairs(source, target)


def test_files_are_read_one_after_the_other(tmp_path):
    names = ["a.de", "b.de", "a.en", "b.en"]
    for name in names:
        (tmp_path / name).write_text(f"{name} 1\n{name} 2\n", encoding="utf-8")
    a, b, c, d = (tmp_path / name for name in names)
    assert pairs([a, b], [c, d])[1:3] == [("a.de 2", "a.en 2"), ("b.de 1", "b.en 1")]


def test_columns_of_tsv(tmp_path):
    path = tmp_path / "all.tsv"
    path.write_bytes(b"1\tja\tyes\r\n2\tnein\tno\tmore\n")
    assert list(read_pairs(ParallelText(tsv=path, columns=(3, 2)))) == [("yes", "ja"), ("no", "nein")]
    with pytest.raises(DataError, match=r"all\.tsv:1: 3 columns, but column 4"):
        list(read_pairs(ParallelText(tsv=path, columns=(1, 4))))
    path.write_bytes(b"a\tb\n\n")
    with pytest.raises(DataError, match=r"all\.tsv:2: 1 column, but column 2"):
        list(read_pairs(ParallelText(tsv=path)))


def test_a_digest_is_of_the_bytes(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"one\n")
    first = digest(path)
    path.write_bytes(b"one\r\n")
    assert digest(path) != first
    path.write_bytes(b"one\n")
    assert digest(path) == first
