"""The tutorial's commands work, page by page in one folder: quickly with tiny models and little text, and, as they are
written, in `make soak`."""

import gzip
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nmt.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs/tutorial").glob("[0-9]*.md"))
PAIRS = 300
SHRUNK = {
    "gru": "model.hidden=16 model.embedding=16",
    "attention_rnn": "model.hidden=16 model.embedding=16 model.attention=16",
    "transformer": "model.width=16 model.feed_forward=16 model.encoder_layers=1 model.decoder_layers=1",
}


def commands(page: Path) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def shrunk(command: str) -> str:
    """The same with a tiny model and two updates; comparing without timing."""
    if command.startswith("nmt train"):
        (name,) = (name for name in SHRUNK if f"/{name}.yaml" in command)
        heads = " model.heads=2" if name == "transformer" and "heads=" not in command else ""
        return f"{command} tokenizer.vocabulary=400 training.steps=2 training.evaluate_every=2 {SHRUNK[name]}{heads}"
    return f"{command} --turns 0" if command.startswith("nmt compare") else command


def run_within(command: str, folder: Path) -> None:
    """In this process, without a shell: `echo TEXT | nmt ...`, `echo TEXT > FILE`, `nmt ... || true` and `nmt ...`."""
    words = shlex.split(command)
    text = f"{words[1]}\n" if words[0] == "echo" else None
    if words[2:3] == [">"]:
        (folder / words[3]).write_text(text, encoding="utf-8")
        return
    may_fail = words[-2:] == ["||", "true"]
    words = words[words.index("nmt") + 1 : -2 if may_fail else None]
    done = CliRunner().invoke(app, words, input=text)
    assert done.exit_code == (1 if may_fail else 0), f"{command}\n{done.output}"
    check_files(command, folder)


def run(command: str, folder: Path) -> None:
    """In a shell."""
    shell = re.sub(r"\bnmt (?=[a-z])", lambda _: f'"{sys.executable}" -m nmt ', command)
    done = subprocess.run(shell, shell=True, cwd=folder, capture_output=True, encoding="utf-8")
    assert not done.returncode, f"{command}\n{done.stdout}\n{done.stderr}"
    check_files(command, folder)


def check_files(command: str, folder: Path) -> None:
    for name in re.findall(r"--(?:output|alignments) (\S+)", command):
        assert (folder / name).exists()


def little(folder: Path) -> None:
    """The configs, and the first pairs of the bundled corpus."""
    shutil.copytree(ROOT / "configs/quickstart", folder / "configs/quickstart")
    (folder / "data/quickstart").mkdir(parents=True)
    for path in (ROOT / "data/quickstart").glob("*.tsv.gz"):
        lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        (folder / "data/quickstart" / path.name).write_bytes(gzip.compress(b"".join(lines[:PAIRS]), mtime=0))


def test_every_page_is_in_the_table_of_contents():
    contents = (ROOT / "docs/tutorial/README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((\d\S+\.md)\)", contents) == [page.name for page in PAGES]


def test_what_the_pages_link_to_is_there():
    for page in (ROOT / "docs/tutorial").glob("*.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_commands_work(tmp_path, monkeypatch):
    little(tmp_path)
    monkeypatch.chdir(tmp_path)
    for page in PAGES:
        assert commands(page)
        for command in commands(page):
            run_within(shrunk(command), tmp_path)


@pytest.mark.soak
def test_the_commands_work_as_written(tmp_path):
    for folder in ("configs/quickstart", "data/quickstart"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for page in PAGES:
        for command in commands(page):
            run(command, tmp_path)
