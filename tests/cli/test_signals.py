"""A signal ends what takes long within seconds: training a tokenizer, a huge update, a long evaluation."""

import json
import os
import random
import shutil
import signal
import sys
import time

import pytest
from copy_task import value_of, write_text

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks a process that has imported torch")

SECONDS = 30.0
"""From the signal to the end, on a machine with ten other programs; each of these commands would take minutes there."""
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signals")
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefghijklmnop", k=draw.randint(2, 9))) for _ in range(40_000)]
    lines = "".join(" ".join(draw.choices(words, k=12)) + "\n" for _ in range(40_000))
    (folder / "many.txt").write_text(lines, encoding="utf-8")
    write_text(folder, pairs=20_000)
    (folder / "short.txt").write_text("a b c\nb c d e\n", encoding="utf-8")
    return folder


def write_config(folder, *, train="train.txt", dev="short.txt", tokenizer=None, **training) -> None:
    """c.yaml, and no run of it yet."""
    shutil.rmtree(folder / "run", ignore_errors=True)
    value = value_of(training=training, run="run")
    splits = {name: {"source": path, "target": path} for name, path in (("train", train), ("dev", dev))}
    value["data"] = {**value["data"], **splits}
    value["tokenizer"] = tokenizer or value["tokenizer"]
    (folder / "c.yaml").write_text(json.dumps(value), encoding="utf-8")


def until(condition) -> None:
    """Wait for something that happens within a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def stop(process, number: int) -> None:
    """Signal it; it must end with the code of the signal within seconds."""
    began = time.monotonic()
    os.kill(process.pid, number)
    code = process.wait()
    assert code == CODES[number], process.stderr
    assert time.monotonic() - began < SECONDS
    assert process.stderr.endswith("stopped\n") and "Traceback" not in process.stderr


def saved_step(folder) -> int:
    return json.loads((folder / "run" / "last" / "state.json").read_text(encoding="utf-8"))["step"]


@pytest.mark.parametrize(
    "number", [signal.SIGINT, *(pytest.param(each, marks=pytest.mark.soak) for each in (signal.SIGTERM, signal.SIGHUP))]
)
def test_in_the_training_of_a_tokenizer(folder, forks, number):
    write_config(folder, train="many.txt", tokenizer={"kind": "unigram", "vocabulary": 20_000})
    process = forks.start("prepare", "--config", "c.yaml")
    until(lambda: list(folder.glob("prepared/.*.tmp")))
    time.sleep(1.0)  # the text is read
    stop(process, number)
    assert not (folder / "prepared").exists()


@pytest.mark.parametrize("number", CODES)
def test_in_a_huge_update(folder, forks, number):
    write_config(folder, accumulate=10**6, batch_tokens=50)
    process = forks.start("train", "--config", "c.yaml", "--threads", 1)
    until((folder / "run" / "log.jsonl").exists)
    time.sleep(0.5)
    stop(process, number)
    assert "saved after update 0" in process.stderr and saved_step(folder) == 0


@pytest.mark.parametrize("number", CODES)
def test_in_a_long_evaluation(folder, forks, number):
    write_config(folder, dev="train.txt", evaluate_every=1, log_every=1, batch_tokens=100)
    process = forks.start("train", "--config", "c.yaml", "--threads", 1)
    log = folder / "run" / "log.jsonl"
    until(lambda: log.exists() and '"progress"' in log.read_text(encoding="utf-8"))
    time.sleep(0.5)
    stop(process, number)
    assert saved_step(folder) == 1
