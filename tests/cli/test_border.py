"""The border of every command: exit codes, one line and a hint, a traceback only on demand."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from nmt.cli.app import app
from nmt.cli.common import Machine, Options, Signalled, command
from nmt.errors import DataError
from nmt.version import __version__

COMMANDS = sorted(each.name or each.callback.__name__ for each in app.registered_commands)
THREADS_ALONE = ("export", "prepare", "tokenize")
runner = CliRunner()


def border(fault: BaseException, *arguments: str):
    """Run a command that raises `fault`."""

    @command
    def broken() -> None:
        raise fault

    small = typer.Typer(pretty_exceptions_enable=False)
    small.command()(broken)
    return runner.invoke(small, list(arguments))


def test_a_users_fault_is_one_line_and_a_hint():
    result = border(DataError("a.de: line 3 is not UTF-8", hint="save it as UTF-8"))
    assert result.exit_code == 1 and result.stdout == ""
    assert result.stderr == "error: a.de: line 3 is not UTF-8\nhint: save it as UTF-8\n"


def test_debug_shows_the_traceback_too():
    result = border(DataError("wrong"), "--debug")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr and "in broken" in result.stderr
    assert result.stderr.endswith("error: wrong\n")


PLACE = "hint: does the place exist, may you read and write there, and has the disk room?\n"
SMALLER = "hint: lower batch_tokens, use a smaller model, or raise the limit on memory\n"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (OSError(28, "No space left on device", "x.txt"), f"error: x.txt: no space left on device\n{PLACE}"),
        (PermissionError(13, "Permission denied", "x.txt"), f"error: x.txt: permission denied\n{PLACE}"),
        (MemoryError(), f"error: out of memory\n{SMALLER}"),
        (RuntimeError("CUDA out of memory. Tried to allocate 20 GiB"), f"error: out of memory\n{SMALLER}"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), f"error: out of memory\n{SMALLER}"),
    ],
)
def test_the_systems_faults_are_one_line(fault, told):
    result = border(fault)
    assert (result.exit_code, result.stderr) == (1, told)


@pytest.mark.parametrize(("fault", "code"), [(KeyboardInterrupt(), 130), (Signalled(signal.SIGTERM), 143)])
def test_signals_have_their_exit_codes(fault, code):
    result = border(fault)
    assert (result.exit_code, result.stderr) == (code, "stopped\n")


@pytest.mark.parametrize("bug", [AssertionError("a bug"), RuntimeError("an illegal memory access was encountered")])
def test_our_own_bugs_are_not_hidden(bug):
    assert border(bug).exception is bug


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_the_common_options(name):
    result = runner.invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert all(option in result.stdout for option in ("--debug", "--version"))
    assert runner.invoke(app, [name, "--version"]).stdout == f"nmt {__version__}\n"
    machine = [option for option in ("--device", "--threads") if option in result.stdout]
    if name == "config":
        assert not machine
    else:
        assert machine == (["--threads"] if name in THREADS_ALONE else ["--device", "--threads"])


def test_a_group_of_options_is_one_argument():
    @dataclass(frozen=True)
    class Size(Options):
        width: Annotated[int, typer.Option(help="In metres.")] = 1
        height: Annotated[int, typer.Option("--tall")] = 2

    seen = []

    @command
    def measure(*, name: str = "it", size: Size, machine: Machine) -> None:
        seen.append((name, size, machine))

    small = typer.Typer()
    small.command()(measure)
    assert runner.invoke(small, ["--width", "3", "--threads", "1"]).exit_code == 0
    assert runner.invoke(small, ["--width", "3", "--tall", "4", "--name", "that", "--device", "cpu"]).exit_code == 0
    assert seen == [("it", Size(3), Machine(threads=1)), ("that", Size(3, 4), Machine("cpu"))]


def test_the_version_and_the_list_of_commands():
    assert runner.invoke(app, ["--version"]).stdout == f"nmt {__version__}\n"
    shown = runner.invoke(app, ["--help"]).stdout
    assert all(f"  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize("arguments", ["conffig", "config --nothing", "config --threads 0", "config --device x"])
def test_wrong_usage_is_exit_code_2(arguments):
    result = runner.invoke(app, arguments.split())
    assert result.exit_code == 2 and "Traceback" not in result.stderr


def test_a_broken_config_ends_in_exit_code_1_as_a_user_sees_it(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("modle: {}\n", encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "nmt", "config", str(path)], capture_output=True, encoding="utf-8")
    assert done.returncode == 1 and done.stdout == ""
    assert 'modle: unknown key (did you mean "model"?)' in done.stderr and "\nhint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_results_are_utf_8_whatever_the_terminal_speaks(tmp_path):
    (tmp_path / "c.yaml").write_text(
        "run: rüns/漢\ndata: {source_language: a, target_language: b, train: {tsv: t}, dev: {tsv: t}}\n"
        "model: {type: gru}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "nmt", "config", str(tmp_path / "c.yaml")]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, env=environment)
    assert done.returncode == 0 and "漢" in done.stdout.decode("utf-8"), done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals")
@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_real_signal(number, code):
    program = """
import sys, time, typer
from nmt.cli.common import command
@command
def wait() -> None:
    print("ready", flush=True)
    time.sleep(60)
typer.run(wait)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(getattr(signal, number))
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (code, b"stopped\n")


@pytest.mark.skipif(sys.platform == "win32", reason="closes a pipe as POSIX does")
def test_a_reader_that_leaves_is_no_traceback():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        command = [sys.executable, "-m", "nmt", "config", "--schema"]
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, encoding="utf-8")
    assert done.returncode == 1 and "Traceback" not in done.stderr and "Exception" not in done.stderr
