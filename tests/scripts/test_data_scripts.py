"""Download scripts on small archives of the same layout, the network stood for by file: addresses, and sequences."""

import gzip
import hashlib
import random
import re
import sys
import tarfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path
from subprocess import CompletedProcess
from threading import Thread

import archives
import pytest

from nmt.errors import DataError

FOLDER = Path(__file__).resolve().parents[2] / "scripts" / "data"
NAMES = ("common", "hansards", "iwslt", "multi30k", "sequences", "tatoeba", "wmt")


@pytest.fixture
def script(monkeypatch):
    """Import a script as its own folder sees it."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield import_module
    for name in NAMES:
        sys.modules.pop(name, None)


def lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")[:-1]


def test_a_download_is_checked_and_kept(script, tmp_path):
    common = script("common")
    original = tmp_path / "original"
    original.write_bytes(b"text")
    right = hashlib.sha256(b"text").hexdigest()
    path = tmp_path / "folder" / "copy"
    assert common.download(original.as_uri(), path, sha256=right).read_bytes() == b"text"
    original.write_bytes(b"newer")
    assert common.download(original.as_uri(), path, sha256=right).read_bytes() == b"text", "what is there is kept"
    assert common.download(original.as_uri(), path).read_bytes() == b"text"


def test_a_damaged_download_is_not_kept(script, tmp_path):
    common = script("common")
    (tmp_path / "original").write_bytes(b"half")
    path = tmp_path / "folder" / "copy"
    with pytest.raises(DataError, match="the checksum is"):
        common.download((tmp_path / "original").as_uri(), path, sha256=64 * "0")
    assert not path.parent.exists()


def test_half_a_download_is_not_kept(script, tmp_path):
    """A server that breaks off: what came looks whole to who reads it."""

    class Half(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "8")
            self.end_headers()
            self.wfile.write(b"half")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Half) as server:
        Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(DataError, match="4 of 8 bytes came"):
            script("common").download(f"http://127.0.0.1:{server.server_port}/x", tmp_path / "folder" / "x")
    assert not (tmp_path / "folder").exists()


def test_half_an_archive_is_told(script, tmp_path):
    (tmp_path / "text").write_bytes(random.Random(1).randbytes(50_000))
    with tarfile.open(tmp_path / "whole.tgz", "w:gz") as archive:
        archive.add(tmp_path / "text", "text")
    (tmp_path / "half.tgz").write_bytes((tmp_path / "whole.tgz").read_bytes()[:20_000])
    with pytest.raises(DataError, match="is not the expected archive"):
        list(script("iwslt").read(tmp_path / "half.tgz"))


def test_hansards_replaces_no_text_that_it_reads(script, tmp_path, monkeypatch):
    pytest.importorskip("sacremoses")
    for language in ("en", "fr"):
        (tmp_path / f"x.{language}.gz").write_bytes(gzip.compress(b"a\n"))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    module, paths = script("hansards"), [str(tmp_path / name) for name in ("x.en.gz", "x.fr.gz", "x")]
    monkeypatch.setattr(sys, "argv", ["hansards.py", *paths])
    with pytest.raises(DataError, match="is both input and output"):
        module.main()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    monkeypatch.setattr(sys, "argv", ["hansards.py", *paths[:2], str(tmp_path / "y")])
    module.main()
    assert lines(tmp_path / "y.en.gz") == ["a"]


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ({"src": b"a\rb\nc\n", "ref": b"x\ny\n"}, None),
        ({"src": b"a\nb\n", "ref": b"x\n"}, "2 lines, and 1 of the reference"),
        ({"src": b"", "ref": b""}, "sacreBLEU: it ended without a word"),
    ],
)
def test_wmt_keeps_both_sides_in_step(script, tmp_path, monkeypatch, printed, told):
    module = script("wmt")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["wmt.py", "--set", "s", "--pair", "de-en"])
    ran = lambda command, **_: CompletedProcess(command, 0, printed[command[-1]], b"")  # noqa: E731
    monkeypatch.setattr(module.subprocess, "run", ran)
    if told:
        with pytest.raises(DataError, match=told):
            module.main()
        return
    module.main()
    assert (tmp_path / "s" / "test.de-en.de").read_bytes() == b"a\rb\nc\n"


def test_a_failed_download_says_where_the_file_belongs(script, tmp_path):
    with pytest.raises(DataError) as caught:
        script("common").download((tmp_path / "nothing").as_uri(), tmp_path / "x")
    assert str(tmp_path / "x") in caught.value.hint


def test_multi30k_is_pinned(script):
    multi30k = script("multi30k")
    assert re.search(r"/[0-9a-f]{40}/", multi30k.URL)
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in multi30k.FILES.values())
    assert {"raw/train.de.gz", "raw/train.en.gz", "tok/test_2016_flickr.lc.norm.tok.de"} <= set(multi30k.FILES)


@pytest.mark.parametrize(("year", "train", "dev", "test"), [("14", 46, 2, 10), ("17", 48, 2, 12)])
def test_iwslt(script, tmp_path, monkeypatch, year, train, dev, test):
    iwslt = script("iwslt")
    monkeypatch.setattr(iwslt, "ROOT", tmp_path)
    folder = tmp_path / f"iwslt{year}"
    archives.pack(folder / iwslt.URLS[year].rsplit("/", 1)[1], archives.iwslt(year))
    monkeypatch.setattr(sys, "argv", ["iwslt.py", "--year", year])
    iwslt.main()
    for split, count in (("train", train), ("dev", dev), ("test", test)):
        german, english = (lines(folder / f"{split}.{language}.gz") for language in ("de", "en"))
        assert len(german) == len(english) == count
        assert [line.replace("de", "en", 1) for line in german] == english
    assert "de TED.dev2010 & one" in lines(folder / ("test.de.gz" if year == "14" else "dev.de.gz"))
    texts = lines(folder / "train.de.gz") + lines(folder / "dev.de.gz")
    assert "de description" in texts and not any("<" in line for line in texts)


def test_iwslt_of_2014_keeps_the_pairs_of_papers(script):
    iwslt = script("iwslt")
    kept = [("Ja, ja.", "Yes, yes."), ("a b c", "a b"), (175 * "w ", 175 * "w ")]  # commas and full stops are tokens
    dropped = [("a b c d", "a b"), ("a", "a b"), (176 * "w ", 176 * "w "), ("Ja.", "Yes, yes.")]
    assert iwslt.cleaned([*kept, *dropped]) == kept
    train, dev = iwslt.divided([(str(number), "") for number in range(1, 70)])
    assert [source for source, _ in dev] == ["23", "46", "69"] and len(train) == 66


def test_iwslt_with_a_missing_or_misaligned_text(script, tmp_path):
    iwslt = script("iwslt")
    texts = archives.iwslt("17")
    files = dict(iwslt.read(archives.pack(tmp_path / "de-en.zip", texts)))
    with pytest.raises(DataError, match=r"no IWSLT17\.TED\.tst1999\.de-en\.de\.xml"):
        iwslt.pairs(files, "IWSLT17.TED.tst1999.de-en.{}.xml", iwslt.segments)
    files["train.tags.de-en.en"] += "one more\n"
    with pytest.raises(DataError, match="48 sentences, but 49"):
        iwslt.pairs(files, "train.tags.de-en.{}", iwslt.tagged_lines)


@pytest.mark.parametrize("ending", ["zip", "tgz"])
def test_what_is_no_archive(script, tmp_path, ending):
    path = tmp_path / f"x.{ending}"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match="is not the expected archive"):
        list(script("iwslt").read(path))
    with pytest.raises(DataError, match="is not the expected archive"):
        script("tatoeba").read(path, "deu")


def test_tatoeba(script, tmp_path, monkeypatch, capsys):
    tatoeba = script("tatoeba")
    monkeypatch.setattr(tatoeba, "ROOT", tmp_path)
    text = "Go.\tGeh.\tCC-BY 2.0 (France)\nHi.\tHallo\u2028!\tCC-BY 2.0 (France)\n"
    archives.pack(tmp_path / "tatoeba" / "deu-eng.zip", {"deu.txt": text, "_about.txt": "about"})
    monkeypatch.setattr(sys, "argv", ["tatoeba.py"])
    tatoeba.main()
    assert lines(tmp_path / "tatoeba" / "deu-eng.tsv.gz") == text.split("\n")[:-1]
    assert "2 pairs" in capsys.readouterr().out


def test_the_config_that_tatoeba_prints_is_one(script, tmp_path):
    from nmt import config

    path = tmp_path / "c.yaml"
    path.write_text(f"run: x\n{script('tatoeba').config('fra')}\nmodel: {{type: gru}}\n", encoding="utf-8")
    loaded = config.load(path)
    assert (loaded.data.source_language, loaded.data.train.columns) == ("fra", (2, 1))


@pytest.fixture
def sequences(script, tmp_path, monkeypatch):
    """A function that draws the sequences of a task and reads one split of them."""
    module = script("sequences")
    monkeypatch.setattr(module, "ROOT", tmp_path)

    def drawn(task: str, split: str, *options: str) -> list[tuple[list[str], list[str]]]:
        monkeypatch.setattr(sys, "argv", ["sequences.py", "--task", task, "--pairs", "400", *options])
        module.main()
        sides = (lines(tmp_path / task / f"{split}.{side}.gz") for side in ("in", "out"))
        return [(source.split(" "), target.split(" ")) for source, target in zip(*sides, strict=True)]

    return drawn


@pytest.mark.parametrize(
    ("task", "rule"),
    [
        ("copy", lambda source: source),
        ("repeat", lambda source: source[1:] * int(source[0])),
    ],
)
def test_sequences_are_what_their_task_says(sequences, task, rule):
    pairs = sequences(task, "train", "--longest", "6")
    assert len(pairs) == 400 and all(target == rule(source) for source, target in pairs)
    lengths = [len(source) - (task == "repeat") for source, _ in pairs]
    symbols = [length * lengths.count(length) for length in range(1, 7)]
    assert sum(map(lengths.count, range(1, 7))) == 400 and min(symbols) > 100 and max(symbols) < 240  # 163 each
    assert {symbol for source, _ in pairs for symbol in source if symbol.isalpha()} == set("abcdefgh")


def test_longer_sequences_have_one_length(sequences):
    pairs = sequences("copy", "test-9", "--longest", "4", "--beyond", "9", "--symbols", "3")
    assert len(pairs) == 200 and {len(source) for source, _ in pairs} == {9}
    assert {symbol for source, _ in pairs for symbol in source} == set("abc")


@pytest.mark.parametrize(
    "options", [("--symbols", "0"), ("--symbols", "27"), ("--longest", "0"), ("--beyond", "-3"), ("--pairs", "0")]
)
def test_sequences_that_cannot_be(sequences, options, capsys):
    with pytest.raises(SystemExit) as caught:
        sequences("copy", "train", *options)
    assert caught.value.code == 2 and options[0] in capsys.readouterr().err


def test_sequences_depend_on_the_seed_alone(sequences):
    first = sequences("repeat", "dev")
    assert sequences("repeat", "dev") == first != sequences("repeat", "dev", "--seed", "2")


def test_a_fault_is_one_line_and_a_hint(script):
    def main():
        raise DataError("wrong", hint="right")

    with pytest.raises(SystemExit, match=r"^error: wrong\nhint: right$"):
        script("common").run(main)
