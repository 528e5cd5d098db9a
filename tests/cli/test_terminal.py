"""Nothing that a stranger made steers the terminal: names, lines, tags, cards and settings, in every command."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_bundle
import typer
from typer.testing import CliRunner

from nmt import bundle
from nmt import config as settings
from nmt.cli import terminal
from nmt.cli.app import app
from nmt.cli.progress import Progress
from nmt.escapes import visible

EVIL = "\x1b]0;gone\x07\x9b2J\r\u202e"
"""Sets a window's title, clears the screen, returns to the line's beginning, turns the line around."""
ESCAPED = visible(EVIL)
TEXT = [f"{line} {EVIL}{number}" for number, line in enumerate(tiny_bundle.TEXT * 5)]
CONFIG = {
    "run": "runs/x",
    "data": {
        "source_language": "en", "target_language": "\u202ede",
        "train": {"source": "\u202e.en", "target": "\u202e.de"}, "dev": {"held_out": 3},
    },
    "tokenizer": {"vocabulary": 340, "spare": 0}, "model": {"type": "gru", "hidden": 8, "embedding": 8},
    "training": {"steps": 2, "evaluate_every": 1, "batch_tokens": 500, "patience": None},
    "search": {"beam": 1, "max_length": 4},
}  # fmt: skip
CPU = "--device cpu --threads 1"
WORKING = {
    "init": f"init --source \u202e.en --target \u202e.de --output EVIL.yaml --force {CPU}",
    "clean": "clean --source EVIL.en --target EVIL.de",
    "clean, report": "clean --source EVIL.en --target EVIL.de --output EVIL.tsv --report EVIL.html",
    "prepare": "prepare --config config.yaml",
    "train": f"train --config config.yaml run=\u202ea --force {CPU}",
    "train, dry": f"train --config config.yaml run=\u202eb --dry-run {CPU}",
    "finetune": f"finetune --model EVIL --config finetune.yaml run=\u202ec --force {CPU}",
    "translate": f"translate --model EVIL --input EVIL.en --output EVIL.txt --max-length 4 {CPU}",
    "translate, json": f"translate --model EVIL --input EVIL.en --json --max-length 4 {CPU}",
    "tokenize": "tokenize --model EVIL --input EVIL.en --output EVIL.txt",
    "score": f"score --model EVIL --source EVIL.en --target EVIL.de --output EVIL.txt {CPU}",
    "attend": f"attend --model EVIL TEXT {CPU}",
    "attend, json": f"attend --model EVIL TEXT --json {CPU}",
    "attend, word": f"attend --model EVIL TEXT --word bushes --output EVIL.svg {CPU}",
    "eval": f"eval --model EVIL --source few.en --reference few.en --worst 2 --beam 1 --max-length 4 {CPU}",
    "eval, json": f"eval --hypothesis EVIL.en --source EVIL.en --reference EVIL.de --worst 2 --json {CPU}",
    "compare": f"compare EVIL --source few.en --reference few.en --output EVILreport --turns 0 --beam 1 {CPU}",
    "export": "export EVILexport --model EVIL --input few.en --force --threads 1",
    "backtranslate": f"backtranslate --model EVIL --input EVIL.en --output EVILback --force --tag tag {CPU}",
    "distill": f"distill --model EVIL --source EVIL.en --output EVILstudent --force --tag tag {CPU}",
    "config": "config config.yaml run=\u202ed",
    "info": f"info EVIL {CPU}",
    "info, json": f"info EVIL --json {CPU}",
}
"""Commands that end well. What they print is for people, or JSON."""
FAILING = {
    "no command": "EVIL",
    "no option": "info --EVIL",
    "config": "config EVIL/none",
    "info": "info EVIL/none",
    "train": "train --config EVIL/none",
    "compare": "compare EVIL/none --output EVILnew",
    "translate": "translate --model EVIL/none",
    "translate, tag": "translate --model EVIL --input few.en --tag noneEVIL",
    "score": "score --model EVIL/none --source EVIL --target EVIL",
    "tokenize": "tokenize --model EVIL/none --input EVIL",
    "tokenize, piece": "tokenize --model EVIL --input EVIL.en --decode",
    "attend": "attend --model EVIL/none a",
    "attend, name": "attend --model EVIL --output EVIL.EVIL a",
    "eval": "eval --hypothesis EVIL/none --reference EVIL/none",
    "export": "export EVIL --model EVIL",
    "init": "init --tsv EVIL/none --output new.yaml",
    "init, name": "init --source EVIL.en --target EVIL.de --output new.yaml",
    "tags": "info EVILtags",
    "tags, finetune": "finetune --config finetune.yaml --model EVILtags run=\u202ee",
    "clean": "clean --tsv EVIL/none",
    "prepare": "prepare --config EVIL/none",
    "prepare, value": "prepare --config config.yaml model.type=EVIL",
    "config, value": "config config.yaml training.steps=\u202e1",
    "finetune": "finetune --config config.yaml --model EVIL/none",
    "backtranslate": "backtranslate --model EVIL/none --input EVIL --output EVILnew",
    "distill": "distill --model EVIL/none --source EVIL --output EVILnew",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Text, a config and a bundle with names, lines, tags and a card that steer terminals."""
    folder = tmp_path_factory.mktemp("hostile") / EVIL
    folder.mkdir()
    other = [f"Ein {line.upper()}" for line in TEXT]
    for name, lines in ((f"{EVIL}.en", TEXT), (f"{EVIL}.de", other), ("few.en", TEXT[:3])):
        (folder / name).write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8"))
    for language in ("en", "de"):  # a config holds no control characters
        os.link(folder / f"{EVIL}.{language}", folder / f"\u202e.{language}")
    (folder / "config.yaml").write_text(json.dumps(CONFIG), encoding="utf-8")
    finetune = {name: value for name, value in CONFIG.items() if name not in ("tokenizer", "model")}
    finetune["data"] = {**CONFIG["data"], "target_language": "en"}
    (folder / "finetune.yaml").write_text(json.dumps(finetune), encoding="utf-8")
    tiny_bundle.save(folder / f"{EVIL}tags", tags=[f"{EVIL}tag"])
    place = tiny_bundle.save(folder / EVIL, tags=["tag"])
    card = json.loads((place / "card.json").read_text(encoding="utf-8"))
    card["machine"]["device"] = card["dev"]["bleu"]["signature"] = "\u202e\u2066card"
    (place / "card.json").write_text(json.dumps(card), encoding="utf-8")
    bundle.seal(place)
    return folder


@pytest.fixture(autouse=True)
def _inside(folder, monkeypatch):
    monkeypatch.chdir(folder)


def words(line: str) -> list[str]:
    filled = [each.replace("EVIL", EVIL) for each in line.split(" ")]
    return [TEXT[1] if each == "TEXT" else each for each in filled]


def run(line: str):
    result = CliRunner().invoke(app, words(line))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    for printed in (result.stdout, result.stderr):
        assert visible(printed) == printed
    return result


def test_every_command_is_tried():
    for lines in (WORKING, FAILING):
        assert set(typer.main.get_command(app).commands) <= {line.split()[0] for line in lines.values()}


@pytest.mark.parametrize("name", WORKING)
def test_a_command_that_works(name):
    if name == "export":
        pytest.importorskip("ctranslate2", reason="CTranslate2 is not installed: pip install ctranslate2")
    result = run(WORKING[name])
    assert result.exit_code == 0, result.stderr
    assert "\\u202e" in result.output or name in ("tokenize", "translate", "score", "attend, word", "train, dry")
    if name.endswith("json"):
        values = list(map(json.loads, result.stdout.splitlines() if name[0] == "t" else [result.stdout]))
        assert "\u202e" in json.dumps(values, ensure_ascii=False)


@pytest.mark.parametrize("name", FAILING)
def test_a_command_that_fails(name):
    result = run(FAILING[name])
    assert result.exit_code in (1, 2) and "\\u202e" in result.stderr, result.stderr


def test_data_are_left_as_they_are():
    plain = CliRunner().invoke(app, words("tokenize --model EVIL --input EVIL.en"))
    back = CliRunner().invoke(app, words("tokenize --model EVIL --decode"), input=plain.stdout_bytes)
    assert back.stdout_bytes.decode("utf-8").split("\n")[:-1] == TEXT


def test_a_config_is_printed_so_that_it_is_read_again(tmp_path):
    (tmp_path / "c.yaml").write_text(json.dumps(CONFIG), encoding="utf-8")
    printed = run(f"config {tmp_path / 'c.yaml'}").stdout
    (tmp_path / "d.yaml").write_text(printed, encoding="utf-8")
    assert "\\u202e" in printed and run(f"config {tmp_path / 'd.yaml'}").stdout == printed
    assert settings.load(tmp_path / "d.yaml") == settings.load(tmp_path / "c.yaml")


def test_a_name_of_other_bytes():
    name = os.fsdecode(b"caf\xe9\xc2\x9b")
    result = run(f"config {name}")
    assert result.exit_code == 1 and "caf\\udce9\\u009b" in result.stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen(monkeypatch) -> Terminal:
    """A terminal as stdout and stderr."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "stdout", stream)
    terminal.install()
    return stream


def test_progress_moves_the_cursor_and_names_do_not(monkeypatch):
    terminal, line = screen(monkeypatch), Progress()
    line.move(f"{EVIL}\n1", now=True)
    line.note(EVIL)
    shown = f"{ESCAPED}\\u000a1"
    assert terminal.getvalue() == f"\r{shown}\r\r{' ' * len(shown)}\r{ESCAPED}\n"


def test_what_other_packages_print_passes_the_filter(monkeypatch):
    shown = screen(monkeypatch)
    print(EVIL, file=sys.stderr)
    sys.stderr.writelines([EVIL, "\n"])
    sys.excepthook(ValueError, ValueError(EVIL), None)
    text = shown.getvalue()
    assert visible(text) == text and text.count(ESCAPED) == 3
    assert not hasattr(sys.stderr, "buffer") and sys.stderr.isatty()


def test_a_second_filter_is_not_laid_over_the_first(monkeypatch):
    screen(monkeypatch)
    first = sys.stdout
    terminal.install()
    assert sys.stdout is first


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize(
    "line",
    [WORKING["info"], *(pytest.param(each, marks=pytest.mark.soak) for each in (WORKING["train"], FAILING["compare"]))],
)
def test_a_real_terminal(line):
    """Both streams are one terminal. Of all control characters only progress writes one, the carriage return."""
    import pty

    here, there = pty.openpty()
    make_raw(there)
    path = os.pathsep.join(map(os.path.abspath, sys.path))
    command = [sys.executable, "-m", "nmt", *words(line)]
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(command, stdin=there, stdout=there, stderr=there, env=environment) as process:
        os.close(there)
        shown = b""
        try:
            while chunk := os.read(here, 4096):
                shown += chunk
        except OSError:  # Linux's way to end
            pass
    os.close(here)
    text = shown.decode("utf-8")
    assert process.returncode == (1 if line == FAILING["compare"] else 0), text
    assert "\\u202e" in text and visible(text.replace("\r", "")) == text.replace("\r", "")


def make_raw(descriptor: int) -> None:
    """Let newlines be newlines, and make the terminal wide."""
    import fcntl
    import struct
    import termios

    mode = termios.tcgetattr(descriptor)
    mode[1] &= ~termios.OPOST
    termios.tcsetattr(descriptor, termios.TCSANOW, mode)
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))


@pytest.mark.skipif(sys.platform == "win32", reason="closes streams as POSIX's shells do")
@pytest.mark.parametrize("line", ["info .", "--version", "config --settings", "eval --hypothesis few.en"])
def test_a_closed_stdout_is_named(line):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    command = ["sh", "-c", f'exec "{sys.executable}" -m nmt {line} >&-']
    done = subprocess.run(command, stderr=subprocess.PIPE, encoding="utf-8", env=environment)
    assert done.returncode == 1
    assert done.stderr == "error: there is no stdout to write to\nhint: redirect it, such as > /dev/null\n"


