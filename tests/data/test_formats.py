"""Files as people have them: packed in any way, in other encodings, tables, translation memories, records."""

import bz2
import gzip
import io
import json
import lzma
import os
import sys
import threading
import zipfile

import pytest

from nmt.config import ParallelText
from nmt.data.text import by_language, packed, read_lines, read_pairs
from nmt.errors import ConfigError, DataError

TEXT = "Ja.\nSchön, a\rb\n\nletzte"
LINES = ["Ja.", "Schön, a\rb", "", "letzte"]
PAIRS = [("Ja.", "Yes."), ('Er sagte "nein".', "He said, no."), ("a; b", "c")]


def zipped(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def read(path, *columns, **options):
    notes = []
    text = ParallelText(tsv=path, **({"columns": columns} if columns else {}))
    return list(read_pairs(text, note=notes.append, **options)), notes


@pytest.mark.parametrize("name", ["a", "a.txt", "a.gz", "a.zip"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress, bz2.compress, lambda each: zipped({"a": each})])
def test_the_first_bytes_decide_how_a_file_is_packed(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack(TEXT.encode()))
    assert list(read_lines(tmp_path / name)) == LINES


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2"])
def test_what_is_packed_can_be_read(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with open(path, "wb") as file, packed(file, path) as stream:
        stream.write(TEXT.encode())
    assert path.read_bytes()[:2] != b"Ja" and list(read_lines(path)) == LINES


@pytest.mark.parametrize("suffix", [".bz2", ".zip"])
def test_damaged_packed_files_are_named(tmp_path, suffix):
    text = "".join(f"{number * 7919}\n" for number in range(5000)).encode()
    good = {".bz2": bz2.compress(text), ".zip": zipped({"a": text})}[suffix]
    for harmed in (good[:-30], good[:90] + b"\xff" * 20 + good[110:]):
        (tmp_path / f"a{suffix}").write_bytes(harmed)
        with pytest.raises(DataError, match=rf"a\{suffix}: damaged or truncated \{suffix} file"):
            list(read_lines(tmp_path / f"a{suffix}"))


def test_zstd_needs_its_package_or_reads(tmp_path, monkeypatch):
    path = tmp_path / "a.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd\x20\x04\x21\x00\x00Ja.\n\x00\x00\x00\x00")
    for name in ("compression", "backports"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DataError, match=r"a\.zst: zstd files need the package backports\.zstd") as caught:
        list(read_lines(path))
    assert "pip install" in caught.value.hint


def test_zstd(tmp_path):
    zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    path = tmp_path / "a.zst"
    path.write_bytes(zstd.compress(TEXT.encode()))
    assert list(read_lines(path)) == LINES
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DataError, match=r"damaged or truncated \.zst file"):
        list(read_lines(path))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_byte_order_marks_name_the_encoding(tmp_path, encoding):
    mark = "\ufeff" if encoding.endswith("e") else ""
    (tmp_path / "a").write_bytes((mark + TEXT).encode(encoding))
    assert list(read_lines(tmp_path / "a")) == LINES


@pytest.mark.parametrize(
    ("content", "told", "hint"),
    [
        (TEXT.encode("utf-16-le") * 3, "looks like UTF-16LE without a byte order mark", "iconv -f UTF-16LE -t UTF-8"),
        (TEXT.encode("utf-16-be") * 3, "looks like UTF-16BE", "iconv -f UTF-16BE"),
        (b"\xff\xfea\x00\x00\xd8", "byte order mark of UTF-16-LE but is not", "UTF-8"),
        (b"line\r" * 20, "its lines end in CR alone", "tr"),
        (b"%PDF-1.7 ...", "is a PDF document, not text", "plain text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "is an old Office document", "plain text"),
        (b"\0" * 257 + b"ustar\0" + b"\0" * 30, "is a tar archive", "tar xf"),
        (zipped({"word/document.xml": b"<w/>", "a.txt": b"x", "b.txt": b"y"}), "found 2 (a.txt, b.txt)", "unpack"),
    ],
)
def test_files_that_are_no_text_are_named_with_what_to_do(tmp_path, content, told, hint):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError) as caught:
        list(read_lines(tmp_path / "a"))
    assert told in caught.value.message and hint in caught.value.hint


def test_some_nuls_and_crs_are_characters(tmp_path):
    (tmp_path / "a").write_bytes(b"nul \0 inside, and a\rb\rc\rd\n" * 3)
    assert list(read_lines(tmp_path / "a")) == ["nul \0 inside, and a\rb\rc\rd"] * 3


CSV = 'id,de,en\n1,Ja.,Yes.\n2,"Er sagte ""nein"".","He said, no."\n3,a; b,c\n'
TSV = CSV.replace(',"Er sagte ""nein"".","He said, no."', '\tEr sagte "nein".\tHe said, no.').replace(",", "\t")
TSV = TSV.replace("said\t no", "said, no")
TMX = """<?xml version="1.0"?><!DOCTYPE tmx SYSTEM "tmx14.dtd"><tmx version="1.4"><header srclang="de"/><body>
<tu><tuv xml:lang="de-DE"><seg>Ja.</seg></tuv><tuv xml:lang="EN-us"><seg>Yes.</seg></tuv></tu>
<tu><tuv lang="de-DE"><seg>Er <bpt i="1">&lt;b></bpt>sagte<ept i="1">&lt;/b></ept>
 "nein".</seg></tuv><tuv lang="en_US"><seg>He <hi>said</hi>, no.</seg></tuv><tuv xml:lang="fr"><seg>x</seg></tuv></tu>
<tu><tuv xml:lang="de-DE"><seg>allein</seg></tuv></tu>
<tu><tuv xml:lang="en-US"><seg>c</seg></tuv><tuv xml:lang="de-DE"><seg>a; b</seg></tuv></tu></body></tmx>"""
JSONL = "".join(json.dumps({"id": n, "de": de, "en": en}) + "\n" for n, (de, en) in enumerate(PAIRS))
NESTED = "".join(json.dumps({"id": 1, "translation": {"de": de, "en": en}}) + "\n" for de, en in PAIRS)
FORMS = {"a.csv": CSV, "b.csv": CSV.replace("a; b", "a; b"), "a.tsv": TSV, "a": TSV, "a.tmx": TMX, "b": TMX,
         "a.jsonl": JSONL, "c": NESTED}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda each: zipped({"corpus": each, "LICENSE": b"free"})])
def test_columns_by_name(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack(FORMS[name].encode()))
    assert read(tmp_path / name, "de", "en")[0] == PAIRS
    assert read(tmp_path / name, "en", "de")[0] == [pair[::-1] for pair in PAIRS]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
def test_a_pipe_is_read_once_as_tsv(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("Ja.\tYes.\n",))
    writer.start()
    assert read(tmp_path / "pipe")[0] == [("Ja.", "Yes.")]
    writer.join()


def test_columns_by_number_and_headers(tmp_path):
    (tmp_path / "a.csv").write_text(CSV, encoding="utf-8")
    pairs, notes = read(tmp_path / "a.csv", 2, 3)
    assert pairs == PAIRS and "a.csv: the first line names the columns (de, en) and is not a pair" in notes[0]
    (tmp_path / "a.tmx").write_text(TMX, encoding="utf-8")
    pairs, notes = read(tmp_path / "a.tmx")
    assert pairs == PAIRS and "1 of 4 units were left out, as they lack de-de or en-us" in notes[0]
    (tmp_path / "a.jsonl").write_text(NESTED, encoding="utf-8")
    assert read(tmp_path / "a.jsonl", 2, 1)[0] == [pair[::-1] for pair in PAIRS]
    (tmp_path / "b.tsv").write_text("Ja.\tYes.\nno\tnein\n", encoding="utf-8")
    assert read(tmp_path / "b.tsv") == ([("Ja.", "Yes."), ("no", "nein")], [])


def test_csv_with_semicolons_and_line_breaks_in_cells(tmp_path):
    (tmp_path / "a.csv").write_text('source;target\n"eins,\r\nzwei";"one,\n\ntwo"\n', encoding="utf-8", newline="")
    assert read(tmp_path / "a.csv")[0] == [("eins, zwei", "one, two")]


THREE = {"a.tmx": TMX, "a.jsonl": JSONL, "a.csv": CSV}


@pytest.mark.parametrize(("languages", "columns"), [(("en", "de"), ("en", "de")), (("fr", "it"), (1, 2))])
def test_columns_are_named_by_language_if_the_file_names_them(tmp_path, languages, columns):
    for name, content in THREE.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        assert by_language(ParallelText(tsv=tmp_path / name), languages).columns == columns
    lines = ParallelText(source="a.de", target="a.en")
    assert by_language(lines, languages) is lines
    given = ParallelText(tsv=tmp_path / "a.csv", columns=(3, 2))
    assert by_language(given, languages) is given


@pytest.mark.parametrize(("columns", "pairs"), [((), PAIRS), (("de", "en"), PAIRS)])
def test_a_zip_archive_of_two_files(tmp_path, columns, pairs):
    sides = ["".join(f"{line}\n" for line in side) for side in zip(*PAIRS, strict=True)]
    members = {"README": "x", "Tatoeba.de-en.de": sides[0], "Tatoeba.de-en.en": sides[1], "Tatoeba.de-en.ids": "1"}
    (tmp_path / "a.zip").write_bytes(zipped(members))
    assert read(tmp_path / "a.zip", *columns)[0] == pairs
    with pytest.raises(DataError, match=r"no file for fr among Tatoeba\.de-en\.de, Tatoeba\.de-en\.en"):
        read(tmp_path / "a.zip", "fr", "en")


def test_rows_that_lack_a_column_are_left_out_up_to_a_percent(tmp_path):
    rows = [f"a{number}\tb{number}\n" for number in range(400)]
    rows[17], rows[30] = "alone\n", "\n"
    path = tmp_path / "a.tsv"
    path.write_text("".join(rows), encoding="utf-8")
    pairs, notes = read(path, lenient=True)
    assert len(pairs) == 398 and "2 rows were left out" in notes[0] and "a.tsv:18: 1 column" in notes[0]
    with pytest.raises(DataError, match=r"a\.tsv:18: 1 column, but column 2"):
        read(path)
    path.write_text("".join(rows[:100]), encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.tsv:18: 1 column, but column 2"):
        read(path, lenient=True)


@pytest.mark.parametrize(
    ("name", "content", "columns", "told"),
    [
        ("a.csv", "de,en\nja,yes\n", ("de", "fr"), 'expected a column named "fr" in the first line, found de, en'),
        ("a.csv", 'de,en\nja,"yes\nno\n', (1, 2), "not CSV"),
        ("a.csv", 'de,en\n"' + "x" * 140_000, (1, 2), "not CSV"),
        ("a.jsonl", '{"de": "ja", "en": "yes"}\n{"de": "ja",\n', (1, 2), "a.jsonl:2: not a JSON object"),
        ("a.jsonl", '{"a":' + "[" * 100_000, (1, 2), "a.jsonl:1: not a JSON object"),
        ("a.json", '[{"de": "ja", "en": "yes"}]', ("de", "en"), "expected a JSON object, found another value"),
        ("a.jsonl", '{"id": 1, "de": "ja"}\n', (1, 2), 'a.jsonl:1: no text in the field "id"'),
        ("a.jsonl", '{"id": 1, "de": "ja"}\n', ("de", "en"), 'expected a field "en", found id, de'),
        ("a.tmx", TMX.replace("</tmx>", ""), ("de", "en"), "not XML"),
        ("a.tmx", "<?xml version='1.0'?><html/>", ("de", "en"), "not a translation memory"),
        ("a.tmx", TMX, ("de", "it"), "expected units in de and it, found de-de, en-us, fr"),
        ("a.tmx", TMX.replace(' SYSTEM "tmx14.dtd"', ' [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]'), (1, 2), "entities"),
        ("a.tmx", TMX.replace(' SYSTEM "tmx14.dtd"', ' [<!ENTITY a SYSTEM "/etc/passwd">]'), (1, 2), "entities"),
    ],
)  # fmt: skip
def test_faults_of_forms(tmp_path, name, content, columns, told):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read(tmp_path / name, *columns)
    assert told in caught.value.message


def test_parquet(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"PAR1" + b"\0" * 50 + b"PAR1")
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(DataError, match="Parquet tables need the package pyarrow"):
            read(tmp_path / "a", "de", "en")
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    with pytest.raises(DataError, match="damaged Parquet table"):
        read(tmp_path / "a", "de", "en")
    rows = [{"translation": {"de": de, "en": en}} for de, en in PAIRS]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", "de", "en")[0] == PAIRS


def test_a_file_of_both_sides_is_no_side():
    from nmt import config as settings

    with pytest.raises(ConfigError, match=r"corpus\.tmx holds both sides; name it by `tsv`"):
        settings.check(ParallelText, {"source": "corpus.tmx", "target": "b.en"}, name="it")
