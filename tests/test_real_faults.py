"""The system's own refusals: a full disk, a limit on files, a folder one may not write to, a full standard output."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from copy_task import value_of, write_text
from outcome import outcome
from typer.testing import CliRunner

from nmt.cli.app import app

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="uses Linux's mounts, limits and devices")

SHORT = {"steps": 2, "evaluate_every": 1, "log_every": 1}
TINY = {"type": "gru", "embedding": 8, "hidden": 8, "max_length": 20}


def write_config(folder: Path) -> Path:
    write_text(folder, pairs=60)
    value = {**value_of(training=SHORT), "model": TINY}
    (folder / "c.yaml").write_text(json.dumps(value), encoding="utf-8")
    return folder / "c.yaml"


def nmt_train(config: Path, *words: str):
    return CliRunner().invoke(app, ["train", "--config", str(config), "--device", "cpu", "--threads", "1", *words])


def resumed(config: Path, run: Path) -> dict:
    """The run's outcome once it may be written again."""
    result = nmt_train(config, f"run={run}", "--resume")
    assert result.exit_code == 0, result.stderr
    return outcome(run)


def told(result) -> str:
    """The one line of a command that failed as it should."""
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), (result.exit_code, result.exception)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    return line


@pytest.mark.parametrize("most", [100, 3000, 6000])
def test_a_limit_on_the_size_of_files(tmp_path, most):
    """As a quota, it ends a write in the middle."""
    import resource

    config = write_config(tmp_path)
    assert nmt_train(config).exit_code == 0
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        result = nmt_train(config, f"run={tmp_path / 'other'}", f"data.cache={tmp_path / 'cache'}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert told(result).endswith(": file too large")
    left = [path for path in tmp_path.rglob("*") if path.name.startswith(".") or path.name.endswith(".tmp")]
    assert not left
    assert resumed(config, tmp_path / "other") == outcome(tmp_path / "run")


DRIVER = "import sys, test_real_faults; test_real_faults.fill_disks(*sys.argv[1:])"


@pytest.mark.parametrize("step", ["150", pytest.param("4", marks=pytest.mark.soak)])
def test_a_disk_that_is_full(tmp_path, step, record_property):
    """Disks from a few kilobytes up until the run fits: on each it fails clearly, and goes on when there is room."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("may not mount a file system")
    here = Path(__file__).resolve().parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])}
    command = ["unshare", "-rm", sys.executable, "-c", DRIVER, str(tmp_path), step]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    record_property("disks filled", int(done.stdout))


def fill_disks(folder: str, step: str) -> None:
    """Runs in a process that may mount: train on disks of more and more kilobytes; print how many were too small."""
    os.chdir(folder)
    config, disk, kilobytes = write_config(Path(folder)), Path(folder) / "disk", 0
    assert nmt_train(config).exit_code == 0
    whole = outcome(Path(folder) / "run")
    disk.mkdir()
    while True:
        kilobytes += int(step)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", disk], check=True)
        result = nmt_train(config, f"run={disk / 'run'}")
        if result.exit_code == 0:
            break
        assert ": no space left on device" in told(result), result.stderr
        hidden = [path for path in disk.rglob(".*")]
        assert not hidden, hidden
        subprocess.run(["mount", "-o", "remount,size=99m", disk], check=True)
        assert resumed(config, disk / "run") == whole
        subprocess.run(["umount", "-l", disk], check=True)
    subprocess.run(["umount", "-l", disk], check=True)
    print(kilobytes // int(step) - 1)


def test_a_folder_that_one_may_not_write_to(tmp_path):
    (closed := tmp_path / "closed").mkdir(mode=0o500)
    if os.access(closed, os.W_OK):
        pytest.skip("may write everywhere")
    config = write_config(tmp_path)
    assert nmt_train(config).exit_code == 0
    whole = outcome(tmp_path / "run")
    for folder, words in (("run", ["--resume", "training.steps=4"]), ("closed", [f"run={closed / 'run'}"])):
        (tmp_path / folder).chmod(0o500)
        try:
            assert told(nmt_train(config, *words)).endswith(": permission denied")
        finally:
            (tmp_path / folder).chmod(0o700)
    assert outcome(tmp_path / "run") == whole and not list(closed.iterdir())


@contextmanager
def dead_stderr(kind: str):
    """A descriptor for messages: of a full disk, or of a pipe whose reader has left."""
    if kind == "full":
        descriptor = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, descriptor = os.pipe()
        os.close(reader)
    yield descriptor
    os.close(descriptor)


def test_work_goes_on_when_its_messages_cannot_be_written(tmp_path):
    config = write_config(tmp_path)
    scored = ["eval", "--model", "run", "--source", "dev.txt", "--reference", "dev.txt", "--metric", "bleu"]
    for kind, words in {"left": ["train", "--config", config], "full": scored}.items():
        with dead_stderr(kind) as stderr:
            command = [sys.executable, "-m", "nmt", *map(str, words), "--threads", "1"]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, encoding="utf-8", cwd=tmp_path)
        assert done.returncode == 0
    assert (tmp_path / "run" / "model").is_dir() and "BLEU" in done.stdout


def test_a_limit_on_memory_in_which_no_library_can_be_loaded(tmp_path):
    command = f'ulimit -v 400000 && "{sys.executable}" -m nmt train --config "{write_config(tmp_path)}"'
    done = subprocess.run(command, shell=True, capture_output=True, encoding="utf-8")
    assert done.returncode == 1 and "\nerror: out of memory\nhint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_current_folder_that_was_deleted(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f'cd "{gone}" && rmdir "{gone}" && "{sys.executable}" -m nmt info "{tmp_path}"'
    done = subprocess.run(command, shell=True, capture_output=True, encoding="utf-8")
    told = "error: the current folder was deleted\nhint: change to another folder\n"
    assert (done.returncode, done.stderr) == (1, told)


@pytest.mark.parametrize("arguments", ["config --schema", "tokenize --model run"])
def test_a_full_standard_output(tmp_path, arguments):
    if "--model" in arguments:
        config = write_config(tmp_path)
        assert nmt_train(config).exit_code == 0
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "nmt", *arguments.split()],
            stdout=full, stderr=subprocess.PIPE, encoding="utf-8", cwd=tmp_path, input="a b\n",
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "no space left on device\nhint: " in done.stderr
    assert "Traceback" not in done.stderr and "ignored" not in done.stderr
