"""Several processes train what one trains: the same updates, one writer, one end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from copy_task import config_of, value_of, write_text

from nmt import tensors
from nmt.errors import NMTError
from nmt.training import run_folder, train
from nmt.training.ranks import Ranks, _others_alive
from nmt.training.run import _agreed

WORKER = Path(__file__).with_name("ranks_worker.py")
SHORT = {"steps": 6, "evaluate_every": 3, "log_every": 2, "warmup": 3, "accumulate": 2, "batch_tokens": 60}
MODELS = {
    "gru": {"type": "gru", "embedding": 8, "hidden": 8},
    "attention_rnn": {"type": "attention_rnn", "embedding": 8, "hidden": 8, "attention": 8},
    "ntm": {"type": "ntm", "embedding": 8, "hidden": 8, "slots": 8, "slot_width": 8},
    "transformer": {"type": "transformer"},
}


def test_memory_that_runs_out_is_not_another_process_that_is_gone():
    with pytest.raises(NMTError, match="another process of this training is gone"), _others_alive():
        raise RuntimeError("connection closed by peer")
    with pytest.raises(RuntimeError, match="out of memory"), _others_alive():
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    write_text(folder, pairs=100)
    return folder


def plain(run: str, *, kind: str = "transformer", **training) -> dict:
    """The config as a plain value, so that another program can be given it."""
    value = value_of(run=run, training={**SHORT, **training})
    common = {"dropout": 0.0, "max_length": 20}
    value["model"] = {**(value["model"] if kind == "transformer" else {}), **MODELS[kind], **common}
    return value


def launch(folder: Path, count: int, jobs: list[dict]) -> None:
    """Run the jobs one after the other in `count` processes, which meet as torchrun has them meet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    (folder / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
    meeting = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(folder)], cwd=folder,
            env=os.environ | meeting | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(count)
    ]  # fmt: skip
    try:
        codes = [process.wait(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert codes == [0] * count


@pytest.fixture(scope="module")
def alone(folder):
    """What one process makes of the same configs."""
    launch(folder, 1, [{"config": plain(f"{kind}-1", kind=kind)} for kind in MODELS])


def weights_of(folder: Path, run: str) -> dict[str, torch.Tensor]:
    return tensors.read(folder / run / "last" / "weights.safetensors")


def progress_of(folder: Path, run: str) -> list[dict]:
    lines = map(json.loads, (folder / run / "log.jsonl").read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line["event"] == "progress"]


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.soak)])
def test_any_number_of_processes_trains_the_same_model(folder, alone, count):
    """In float64 and without dropout to 1e-9; also where memory is short in one, and when another number resumes."""
    jobs = [{"config": plain(f"{kind}-{count}", kind=kind)} for kind in MODELS]
    jobs += [{"config": plain(f"split-{count}"), "short_of_memory": 1}, {"config": plain(f"resumed-{count}", steps=3)}]
    jobs += [{"config": plain(f"broken-{count}", average="ema"), "broken": 1}]
    launch(folder, count, [*jobs, {"config": plain(f"stopped-{count}"), "stopped": 1}])
    launch(folder, 1, [{"config": plain(f"resumed-{count}"), "resume": True}])
    for kind in MODELS:
        ours, theirs = progress_of(folder, f"{kind}-{count}"), progress_of(folder, f"{kind}-1")
        assert [line["loss"] for line in ours] == pytest.approx([line["loss"] for line in theirs], rel=1e-9)
        assert [line["target_tokens"] for line in ours] == [line["target_tokens"] for line in theirs]
        assert_same(folder, f"{kind}-{count}", f"{kind}-1")
    assert_same(folder, f"split-{count}", "transformer-1")
    assert_same(folder, f"resumed-{count}", "transformer-1")
    # One rank's broken gradient makes all skip the update, and all end with the same bits.
    assert [line["skipped"] for line in progress_of(folder, f"broken-{count}")] == [1, 1, 1]
    left = [(folder / f"broken-{count}.{rank}.safetensors").read_bytes() for rank in range(count)]
    assert all(each == left[0] for each in left)
    # A signal that one rank hears stops all after the same update, when it is saved.
    state = json.loads((folder / f"stopped-{count}" / "last" / "state.json").read_text(encoding="utf-8"))
    assert state["step"] == 2


def assert_same(folder: Path, run: str, other: str) -> None:
    torch.testing.assert_close(weights_of(folder, run), weights_of(folder, other), rtol=0, atol=1e-9)


def torchrun(folder: Path, run: str, *extra: str) -> subprocess.Popen:
    """Two processes that train on for longer than any test waits."""
    path = folder / f"{run}.yaml"
    path.write_text(json.dumps(plain(run, steps=100_000, evaluate_every=10)), encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.Popen(
        [*command, "-m", "nmt", "train", "--config", str(path), "--device", "cpu", *extra],
        cwd=folder, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def wait_for(path: Path) -> None:
    for _ in range(3000):  # five minutes, for a machine that is busy
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} did not come")


def children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return list(map(int, path.read_text().split())) if path.exists() else []


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
def test_the_end_of_one_is_the_end_of_all(folder, number):
    """A killed worker ends the job; a signal makes all stop at one update, and saves, though it comes to the workers
    twice: a cluster signals all processes, and torchrun passes on what it gets."""
    run = f"ended-{number.name}"
    job = torchrun(folder, run)
    try:
        wait_for(folder / run / "last" / "state.json")
        workers = children(job.pid)
        assert len(workers) == 2
        for process in [workers[1]] if number == signal.SIGKILL else [*reversed(workers), job.pid]:
            os.kill(process, number)
        said = job.communicate(timeout=120)[1]
    finally:
        for process in [*children(job.pid), job.pid]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    assert job.returncode != 0
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
    if number == signal.SIGTERM:
        assert said.count("to go on:") == 1
    state = json.loads((folder / run / "last" / "state.json").read_text(encoding="utf-8"))
    value = plain(run, steps=state["step"] + 2)
    again = config_of(folder, run=run, training=value["training"], model=value["model"])
    assert train(again, resume=True).done == 2


def test_what_the_first_one_keeps_of_an_older_run_all_of_them_have(folder):
    """It alone has read the run's own settings; the others would cut the text into other pieces."""

    class Second(Ranks):
        def tell(self, value):
            return {**value, "tokenizer": {**value["tokenizer"], "spare": 3}}

    config = config_of(folder)
    agreed = _agreed(config, Second())
    assert (config.tokenizer.spare, agreed.tokenizer.spare) == (0, 3) and agreed.training == config.training


def test_a_fault_that_one_of_them_finds_ends_all_at_once(folder):
    """Here the first, which alone looks into the run folder. Nobody has to be killed."""
    run_folder.create(config_of(folder, run="there"))
    job = torchrun(folder, "there")
    try:
        said = job.communicate(timeout=120)[1]
    finally:
        for process in [*children(job.pid), job.pid]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    assert job.returncode == 1 and "the run exists" in said
    assert "forcefully exiting" not in said
