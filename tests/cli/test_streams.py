"""Outputs that are open descriptors, pipes or devices: written through, or refused before any work."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import tiny_bundle
import typer
from outcome import tree
from typer.testing import CliRunner

from nmt import streams
from nmt.cli.app import app
from nmt.errors import NMTError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="names of descriptors are POSIX's")
DATA = "data: {source_language: en, target_language: en, train: {source: no, target: no}, dev: {held_out: 1}}\n"
FILES = {
    "init": "init --source text --target text --output NAME --force",
    "train": "train --config config.yaml run=NAME",
    "train, cache": "train --config config.yaml data.cache=NAME",
    "prepare": "prepare --config config.yaml run=NAME",
    "prepare, cache": "prepare --config config.yaml data.cache=NAME",
    "finetune": "finetune --model MODEL --config finetune.yaml run=NAME",
    "clean": "clean --source text --target text --output NAME",
    "export": "export NAME --model MODEL --input text --force",
    "compare": "compare MODEL --source text --reference text --output NAME",
    "compare, page": "compare MODEL --source text --reference text --output NAME.html",
    "eval": "eval --model MODEL --source text --reference text --output-folder NAME",
    "backtranslate": "backtranslate --model MODEL --input text --output NAME --force",
    "distill": "distill --model MODEL --source text --output NAME --force",
    "attend": "attend --model MODEL Hello. --output NAME.png",
    "clean, source": "clean --source text --target text --output-source NAME --output-target kept",
    "clean, target": "clean --source text --target text --output-source kept --output-target NAME",
    "clean, scores": "clean --source text --target text --scores NAME",
    "clean, report": "clean --source text --target text --report NAME.html",
}
"""Commands whose output is a file or a folder."""
LINES = {
    "translate": "translate --model MODEL --input text --output NAME",
    "alignments": "translate --model MODEL --input text --output translations --alignments NAME",
    "score": "score --model MODEL --source text --target text --output NAME",
    "tokenize": "tokenize --model MODEL --input text --output NAME",
    "attend": "attend --model MODEL Hello. --output NAME.txt",
}
"""Commands whose output is lines."""
NAMED = {"output", "output_folder", "output_source", "output_target", "alignments", "scores", "report"}
"""Options and arguments that name an output."""


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return tiny_bundle.save(tmp_path_factory.mktemp("bundle") / "model")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("text").write_text("Hello.\nIs anyone there?\n", encoding="utf-8")
    Path("finetune.yaml").write_text(f"run: runs/new\n{DATA}", encoding="utf-8")
    Path("config.yaml").write_text(f"run: runs/new\nmodel: {{type: gru}}\n{DATA}", encoding="utf-8")
    return tmp_path


@pytest.fixture
def log(folder):
    """A file that is open, as a shell's redirection leaves it; links to its descriptor for each ending."""
    Path("log").write_text("old\n", encoding="utf-8")
    with open("log", "r+b", buffering=0) as file:
        file.write(b"before\n")
        for name in ("link", "link.txt", "link.png", "link.html"):
            Path(name).symlink_to(f"/dev/fd/{file.fileno()}")
        yield file


def invoke(command: str, name: str, model: Path | str):
    return CliRunner().invoke(app, command.replace("NAME", name).replace("MODEL", str(model)).split())


def test_every_output_is_in_the_tables():
    group = typer.main.get_command(app)
    tables = [*FILES.values(), *LINES.values()]
    for name, command in group.commands.items():
        for option in (each.opts[0] for each in command.params if each.name in NAMED):
            given = f"{option} NAME" if option.startswith("--") else "NAME"
            assert any(line.startswith(f"{name} ") and given in line for line in tables), f"nmt {name} {option}"
    without = set(group.commands) - {line.split()[0] for line in tables}
    assert without == {"config", "info"}  # they write to stdout alone


@pytest.mark.parametrize("command", FILES)
@pytest.mark.parametrize("linked", [False, True])
def test_a_file_or_folder_is_refused_before_any_work(command, linked, log, folder, model):
    before = tree(folder)
    number = f"/dev/fd/{log.fileno()}"
    if "." in FILES[command].split("NAME")[1] and not linked:
        pytest.skip("the name of a descriptor has no ending")
    model = model if command == "finetune" else "no-such-model"  # whose settings belong to the run's
    result = invoke(FILES[command], "link" if linked else number, model)
    assert result.exit_code == 1, result.output
    assert "is an open stream" in result.output or "is no folder" in result.output
    assert tree(folder) == before


@pytest.mark.parametrize("command", LINES)
def test_lines_are_written_through(command, log, model):
    usual = invoke(LINES[command], "usual", model)
    assert usual.exit_code == 0, usual.output
    result = invoke(LINES[command], "link", model)
    assert result.exit_code == 0, result.output
    log.write(b"after\n")
    ending = LINES[command].partition("NAME")[2]
    expected = Path(f"usual{ending}").read_text(encoding="utf-8")
    assert Path("log").read_text(encoding="utf-8") == f"before\n{expected}after\n"
    assert Path("link").is_symlink()


@pytest.mark.parametrize(("name", "redirection"), [("/dev/stdout", ">"), ("link", ">>")])
def test_a_shell_keeps_what_stood_before_and_after(name, redirection, model):
    Path("link").symlink_to("/dev/stdout")
    Path("log").write_text("old\n", encoding="utf-8")
    tokenize = f'"{sys.executable}" -m nmt tokenize --model {model} --input text --output {name}'
    script = f"{{ echo a; {tokenize}; echo b; }} {redirection} log 2>&1"
    subprocess.run(["sh", "-c", script], check=True)
    kept = "old\n" if redirection == ">>" else ""
    expected = CliRunner().invoke(app, ["tokenize", "--model", str(model), "--input", "text"]).stdout
    assert Path("log").read_text(encoding="utf-8") == f"{kept}a\n{expected}b\n"


def test_a_named_pipe_and_a_device_are_written_through(model):
    os.mkfifo("pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_text(encoding="utf-8")))
    reader.start()
    assert invoke(LINES["tokenize"], "pipe", model).exit_code == 0
    reader.join()
    assert invoke(LINES["tokenize"], "usual", model).exit_code == 0
    assert read == [Path("usual").read_text(encoding="utf-8")]
    assert invoke(LINES["tokenize"], os.devnull, model).exit_code == 0
    assert not Path(os.devnull).is_file()


def test_a_descriptor_that_takes_no_lines_is_refused(model):
    with open("text", "rb") as file:
        result = invoke(LINES["translate"], f"/dev/fd/{file.fileno()}", "no-such-model")
        assert result.exit_code == 1
        assert f"descriptor {file.fileno()} is not open for writing" in result.stderr
    result = invoke(LINES["translate"], "/dev/fd/987654", "no-such-model")
    assert "descriptor 987654 is not open for writing" in result.stderr
    if sys.platform == "linux":
        with pytest.raises(NMTError, match="stream of another process"):
            streams.check(Path(f"/proc/{os.getppid()}/fd/1"))


def test_translations_and_alignments_share_no_stream(model, log):
    for output in ("--output link --alignments link.txt", "--alignments /dev/stdout"):
        result = invoke(f"translate --model MODEL --input text {output}", "", model)
        assert result.exit_code == 1
        assert "translations and alignments in one file" in result.stderr


def test_the_file_that_stdout_goes_to_is_not_replaced(model):
    script = f'"{sys.executable}" -m nmt tokenize --model {model} --input text --output log > log'
    done = subprocess.run(["sh", "-c", script], capture_output=True, encoding="utf-8")
    assert done.returncode == 1
    assert "log: is the file that stdout goes to" in done.stderr


def test_names_of_descriptors():
    Path("link").symlink_to("/dev/stderr")
    Path("over").symlink_to("link")
    own = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/fd/17": 17, "/dev/../dev/fd/1": 1, "over": 2}
    if sys.platform == "linux":
        own |= {"/proc/self/fd/1": 1, "/proc/thread-self/fd/1": 1, f"/proc/{os.getpid()}/fd/1": 1}
    assert {name: streams.descriptor(name) for name in own} == {name: (number, True) for name, number in own.items()}


@pytest.mark.parametrize("name", ["log", "stdout", "/dev/null", "/dev/fd", "a/1", "loop"])
def test_other_names_are_no_descriptors(name):
    Path("loop").symlink_to("loop")
    assert streams.descriptor(name) is None
