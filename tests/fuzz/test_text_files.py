"""Text files: plain, packed, TSV; read, and prepared."""

import gzip
import lzma
import os
import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
import toy_text
from damage import NASTY, damaged
from hypothesis import example, given
from hypothesis import strategies as st
from law import holds, tries

from nmt.config import ParallelText
from nmt.data.formats import packing
from nmt.data.formats.encoding import encoding_of, fault_of
from nmt.data.prepare import prepare
from nmt.data.text import LONGEST, decode_lines, digest, read_lines, read_pairs
from nmt.errors import DataError

TEXT = "".join(f"Zeile {number}: äöü 漢字 \u00a0 ende\n" for number in range(60)).encode()
PACKERS = {".txt": bytes, ".gz": lambda content: gzip.compress(content, mtime=0), ".xz": lzma.compress}

TEXTS = st.one_of(
    damaged(TEXT), st.binary(max_size=200),
    st.lists(st.text(max_size=30), max_size=20).map(lambda lines: "\n".join(lines).encode(errors="surrogatepass")),
    st.lists(st.sampled_from([*NASTY, b"a", b"\n", b"\t", b" ", "ß".encode()]), max_size=12).map(b"".join),
)  # fmt: skip


def expected(content: bytes) -> list[str]:
    """The lines by the obvious way."""
    encoding, mark = encoding_of(content)
    *ended, rest = content[mark:].decode(encoding).split("\n")
    return [line.removesuffix("\r") for line in ended] + ([rest] if rest else [])


@tries(60)
@given(TEXTS)
@example(b"")
@example(b"\xef\xbb\xbf")
@example(b"\r")
@example(b"a\r\nb")
def test_plain_text(tmp_path, content):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    lines = holds(lambda: list(read_lines(path)), folder=tmp_path)
    if lines is None:
        with pytest.raises(UnicodeDecodeError) if fault_of(content) is None else nullcontext():
            content.decode(encoding_of(content)[0])
    else:
        assert lines == expected(content)


@tries(60)
@given(st.sampled_from([".gz", ".xz"]), TEXTS, st.data())
def test_packed_text(tmp_path, suffix, content, data):
    path = tmp_path / f"a{suffix}"
    packed = PACKERS[suffix](content)
    path.write_bytes(data.draw(damaged(packed)))
    lines = holds(lambda: list(read_lines(path)), folder=tmp_path)
    if lines is not None and suffix == ".xz" and path.read_bytes()[: len(packed)] == packed:
        assert lines == expected(content)  # what follows a whole .xz file may be rubbish that nobody misses
    holds(lambda: digest(path), folder=tmp_path)


@tries(40)
@given(st.tuples(TEXTS, TEXTS), st.lists(st.sampled_from(list(PACKERS)), min_size=2, max_size=2))
def test_two_sides(tmp_path, contents, suffixes):
    paths = [tmp_path / f"{side}{suffix}" for side, suffix in enumerate(suffixes)]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(PACKERS[path.suffix](content))
    pairs = holds(lambda: list(read_pairs(ParallelText(source=paths[0], target=paths[1]))), folder=tmp_path)
    if pairs is not None:
        assert pairs == list(zip(*map(expected, contents), strict=True))


@tries(40)
@given(TEXTS | damaged(b"a\tb\tc\nd\te\tf\n"), st.permutations([1, 2, 3]).map(lambda each: tuple(each[:2])))
def test_tsv(tmp_path, content, columns):
    path = tmp_path / "a.tsv"
    path.write_bytes(content)
    pairs = holds(lambda: list(read_pairs(ParallelText(tsv=path, columns=columns))), folder=tmp_path)
    if pairs is not None and not content.lstrip().startswith((b"{", b"[", b"<")):  # these have other forms
        cells = [line.replace("\r", " ").split("\t") for line in expected(content)]
        assert pairs == [(line[columns[0] - 1], line[columns[1] - 1]) for line in cells]


FORMS = {
    "a.csv": 'de,en\n"Ja, ""so""",Yes.\n"eine\nZeile",a line\n', "a.jsonl": '{"de": "Ja.", "en": "Yes."}\n' * 3,
    "a.tmx": '<?xml version="1.0"?><tmx><body><tu><tuv xml:lang="de"><seg>Ja <ph>x</ph>&amp;</seg></tuv>'
    '<tuv xml:lang="en"><seg>Yes.</seg></tuv></tu></body></tmx>',
}  # fmt: skip


@tries(60)
@given(st.data(), st.sampled_from(sorted(FORMS)), st.booleans())
def test_one_file_of_both_sides(tmp_path, data, name, lenient):
    """A damaged table, memory or list of records gives pairs of single lines, or one clear error."""
    path = tmp_path / name
    path.write_bytes(data.draw(damaged(FORMS[name].encode())))
    columns = data.draw(st.sampled_from([(1, 2), ("de", "en")]))
    text = ParallelText(tsv=path, columns=columns)
    pairs = holds(lambda: list(read_pairs(text, lenient=lenient)), folder=tmp_path)
    assert pairs is None or not any("\n" in side for pair in pairs for side in pair)


@tries(30)
@given(st.lists(st.binary(max_size=30), max_size=10))
def test_lines_do_not_depend_on_where_the_stream_is_cut(tmp_path, chunks):
    whole = holds(lambda: list(decode_lines([b"".join(chunks)], "x")), folder=tmp_path)
    assert holds(lambda: list(decode_lines(chunks, "x")), folder=tmp_path) == whole


# Decompression bombs and endless lines


@pytest.mark.parametrize("packer", [".gz", ".xz"])
@pytest.mark.parametrize("unit", [b"a", b"a " * 400 + b"\n"])
def test_a_bomb_is_told_before_it_fills_anything(tmp_path, monkeypatch, packer, unit):
    monkeypatch.setattr(packing, "_SMALL", 20 << 20)  # less than 64 MiB takes less time
    path = tmp_path / f"bomb{packer}"
    opener = {".gz": gzip.open, ".xz": lzma.open}[packer]
    options = {".gz": {"compresslevel": 9}, ".xz": {"preset": 0}}[packer]
    with opener(path, "wb", **options) as file:
        for _ in range(24):
            file.write(unit * ((1 << 20) // len(unit)))
    assert path.stat().st_size < 1 << 18
    reading, longest = read_lines(path), 0
    with pytest.raises(DataError, match=r"unpacks to more than|is longer than"):
        for line in reading:
            longest = max(longest, len(line))
    assert longest < 1000


def test_the_longest_line_and_a_longer_one():
    chunk = b"a" * (LONGEST // 64)
    assert [len(line) for line in decode_lines([*[chunk] * 64, b"\n", b"b"], "x")] == [LONGEST, 1]
    with pytest.raises(DataError, match="x:2: is longer than"):
        list(decode_lines([b"\n", *[chunk] * 64, b"b"], "x"))


# Preparing


@tries(8)
@given(st.data())
def test_preparing(tmp_path, data):
    """One of the files of a small corpus is broken, or all of it is arbitrary text."""
    folder = tmp_path / "corpus"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    pairs = toy_text.sentences(60)
    if data.draw(st.booleans()):
        line = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=30)
        pairs += [(data.draw(line), data.draw(line)) for _ in range(10)]
    tokenizer = {
        "kind": data.draw(st.sampled_from(["bpe", "unigram", "char"])), "vocabulary": data.draw(st.integers(280, 330)),
        "target_normalisation": data.draw(st.sampled_from(["nmt_nfkc", "identity"])),
        "shared": data.draw(st.booleans()),
    }  # fmt: skip
    config = toy_text.toy_config(folder, pairs, tokenizer=tokenizer)
    path = folder / data.draw(st.sampled_from(sorted(os.listdir(folder))))
    if data.draw(st.booleans()):
        path.write_bytes(data.draw(damaged(path.read_bytes())))
    prepared = holds(lambda: prepare(config), folder=folder)
    if prepared is not None:
        counted = prepared.report.train.pairs + sum(prepared.report.dropped.values())
        assert counted == prepared.report.read == sum(1 for _ in read_pairs(config.data.train))
    left = {path.name for path in Path(folder / "runs" / "prepared").glob("*")}
    assert left == ({prepared.key} if prepared else set())
