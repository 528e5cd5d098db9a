"""The same through the commands, as a user meets it: exit code 1, an error and a hint, never a traceback."""

import functools
import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_bundle
from damage import NASTY, damaged, places
from hypothesis import given
from hypothesis import strategies as st
from law import COUNTS, LONG, bounded, tries, watched
from typer.testing import CliRunner

from nmt import bundle
from nmt.cli.app import app
from nmt.config import yaml
from nmt.escapes import visible

CONFIG = """
run: runs/x
data:
  source_language: en
  target_language: de
  train: {source: text.en, target: text.de}
  dev: {held_out: 3}
tokenizer: {vocabulary: 310, spare: 0}
model: {type: gru}
"""
TEXT = "".join(f"{line} {number}\n" for number, line in enumerate(tiny_bundle.TEXT * 5)).encode()
COMMANDS = {
    "config": ["config", "config.yaml"],
    "prepare": ["prepare", "--config", "config.yaml"],
    "info": ["info", "model"],
    "info --json": ["info", "model", "--json"],
    "tokenize": ["tokenize", "--model", "model", "--input", "text.en"],
    "translate": ["translate", "--model", "model", "--input", "short.gz", "--output", "out.txt"],
    "translate --json": ["translate", "--model", "model", "--input", "short.gz", "--json", "--attention"],
    "translate --sample": ["translate", "--model", "model", "--input", "short.gz", "--sample", "--max-length", "4"],
    "score": ["score", "--model", "model", "--source", "short.gz", "--target", "short.gz", "--json"],
    "attend": ["attend", "--model", "model", "--input", "few.en", "--words", "--output", "out.txt"],
    "eval": ["eval", "--model", "model", "--source", "short.gz", "--reference", "short.gz", "--beam", "1"],
}
READS = {
    "config": ["config.yaml"], "prepare": ["config.yaml", "text.en", "text.de"], "tokenize": ["text.en", "model"],
    "info": ["model"], "attend": ["few.en", "model"],
    **{name: ["short.gz", "model"] for name in ("translate", "score", "eval")},
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    """A folder with a config, text and a bundle: name -> content."""
    folder = tmp_path_factory.mktemp("whole")
    tiny_bundle.save(folder / "model")
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "text.en").write_bytes(TEXT)
    (folder / "text.de").write_bytes(TEXT.replace(b"a", b"o"))
    (folder / "few.en").write_bytes(b"A man.\nNobody \x1b[31m \xe2\x80\xae\n")
    (folder / "short.gz").write_bytes(gzip.compress(b"A man.\n\n" + b"".join(NASTY[4:6]) + b"bushes", mtime=0))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """The current folder of the commands."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write(folder: Path, contents: dict[str, bytes]) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, content in contents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


def run(arguments: list[str], folder: Path) -> int:
    """The law, as the command line keeps it."""
    COUNTS["cases"] += 1
    with bounded(), watched(folder):
        result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, SystemExit | None), result.exception
    for printed in (result.stderr, "" if arguments[0] == "tokenize" else result.stdout):  # whose result is data
        assert visible(printed) == printed
    assert result.exit_code in (0, 1), result.stderr
    if result.exit_code:
        COUNTS["refused"] += 1
        assert "\nerror: " in f"\n{result.stderr}" and "\nhint: " in result.stderr and "Traceback" not in result.stderr
        assert not (folder / "out.txt").exists()
    return result.exit_code


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_works_on_what_is_whole(whole, place, name):
    write(place, whole)
    assert run(COMMANDS[name], place) == 0


@tries(20)
@given(st.sampled_from(sorted(COMMANDS)), st.booleans(), st.data())
def test_each_command_on_a_broken_file(whole, place, name, sealed, data):
    starts = READS[name.split()[0]]
    broken = data.draw(st.sampled_from([each for each in whole if each.startswith(tuple(starts))]))
    write(place, {**whole, broken: data.draw(damaged(whole[broken]))})
    if sealed:
        bundle.seal(place / "model")
    run(COMMANDS[name], place)


@tries(20)
@given(st.lists(st.text(max_size=12).map("training.{}".format) | st.text("abmodel.=[{:", max_size=12), max_size=3))
def test_overrides(whole, place, overrides):
    write(place, whole)
    overrides = [each for each in overrides if not each.startswith("-")]
    run(["config", "config.yaml", *overrides], place)


NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0/") | st.sampled_from("\x1b\x9b\r\n\u202e\u2066"),
    min_size=1, max_size=12,
).filter(lambda name: name not in (".", "..") and not name.startswith("-"))  # fmt: skip


@tries(12)
@given(NAMES, st.sampled_from(["info", "translate", "tokenize", "config"]))
def test_names_of_files_and_folders(whole, place, name, command):
    write(place, whole)
    moved = (place / "model").rename(place / "other")
    moved.rename(place / name)
    (place / "config.yaml").rename(place / f"{name}.yaml")
    arguments = [{"model": name, "config.yaml": f"{name}.yaml"}.get(each, each) for each in COMMANDS[command]]
    assert run(arguments, place) == 0
    (place / "out.txt").unlink(missing_ok=True)
    missing = [f"{name}/none"] if command in ("info", "config") else ["--model", f"{name}/none"]
    assert run([command, *missing], place) == 1


def test_what_a_card_says_steers_no_terminal(whole, place):
    card = json.loads(whole["model/card.json"])
    texts = [way for way in places(card) if isinstance(reached(card, way), str)]
    assert len(texts) > 10
    for *way, name in texts:
        changed = json.loads(whole["model/card.json"])
        reached(changed, way)[name] = "a\x1b[31mb"
        write(place, {**whole, "model/card.json": json.dumps(changed).encode()})
        assert run(COMMANDS["info"], place) == 1, name


def reached(tree, way):
    """The value to which a way leads."""
    return functools.reduce(lambda inner, key: inner[key], way, tree)


# As processes of their own, with little memory


LIMITED = """
import resource, runpy, sys
most = int(sys.argv.pop(1)) << 20
resource.setrlimit(resource.RLIMIT_AS, (most, most))
runpy.run_module("nmt", run_name="__main__")
"""
MEMORY = 6000
"""Megabytes of addresses: torch alone takes about half of them, most of which are never used."""


def absurd(whole: dict[str, bytes]) -> dict[str, bytes]:
    config = yaml.parse(whole["model/config.yaml"].decode(), "x")
    config["model"] |= {"width": 16384, "feed_forward": 16384, "encoder_layers": 256, "decoder_layers": 256, "heads": 1}
    return {"model/config.yaml": json.dumps(config).encode()}


HEAVY = {
    "laughs": (COMMANDS["config"], lambda whole: {"config.yaml": b"a: &a [x, x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (98 + i, 98 + i, b", ".join([b"*%c" % (97 + i)] * 9)) for i in range(20))}),
    "nested": (COMMANDS["config"], lambda whole: {"config.yaml": b"a: " + b"[" * 500_000}),
    "absurd model": (COMMANDS["info"], absurd),
    "bomb": (COMMANDS["translate"], lambda whole: {"short.gz": gzip.compress(bytes(100 << 20), 9)}),
    "lines": (COMMANDS["prepare"], lambda whole: {"text.en": b"a" * (100 << 20)}),
    "header": (COMMANDS["info"], lambda whole: {
        "model/model.safetensors": (2**62).to_bytes(8, "little") + whole["model/model.safetensors"][8:]}),
    "tokenizer": (COMMANDS["translate"], lambda whole: {"model/source.model": os.urandom(1 << 20)}),
}  # fmt: skip
QUICK = ("laughs", "absurd model")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does")
@pytest.mark.parametrize("name", HEAVY if LONG else QUICK)  # a process takes seconds to start
def test_a_process_with_little_memory(whole, place, name):
    arguments, change = HEAVY[name]
    write(place, {**whole, **change(whole)})
    bundle.seal(place / "model")
    COUNTS["cases"] += 1
    command = [sys.executable, "-c", LIMITED, str(MEMORY), *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 1, done.stderr[-2000:]
    assert done.stderr.startswith("error: ") and "\nhint: " in done.stderr
    assert len(done.stderr.splitlines()) < 10 and "out of memory" not in done.stderr
    COUNTS["refused"] += 1
