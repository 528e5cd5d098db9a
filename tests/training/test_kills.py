"""SIGKILL at any moment, the middle of saving included: resumed until it is done, a run is the one that nobody killed.

Half of the kills come after a random time, the others at a random one of the calls that change files: a write (half of
which is done), a sync, a rename, a removal.
"""

import json
import os
import random
import signal
import sys
import time
from functools import cache
from pathlib import Path

import pytest
from copy_task import SETTINGS, write_text
from forks import Forks
from outcome import outcome

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks a process that has imported torch")

SHORT = {"steps": 24, "evaluate_every": 3, "log_every": 5, "warmup": 10, "batch_tokens": 96, "accumulate": 2}
TINY = {"width": 16, "heads": 2, "feed_forward": 16, "encoder_layers": 1, "decoder_layers": 1}
RNN = {"embedding": 16, "hidden": 16}
UNIGRAM = {"kind": "unigram", "sampling": 0.3}
VARIANTS = {
    "transformer": {
        "model": {"type": "transformer", **TINY}, "tokenizer": UNIGRAM,
        "training": {"average": "ema", "schedule": "cosine", "horizon": 40},
    },
    "attention_rnn": {
        "model": {"type": "attention_rnn", **RNN},
        "training": {"average": "last", "average_last": 2, "schedule": "plateau", "measure": "chrf", "patience": 5},
    },
    "gru": {
        "model": {"type": "gru", **RNN}, "tokenizer": {"kind": "bpe", "sampling": 0.2, "vocabulary": 21},
        "training": {"precision": "bfloat16", "average": "ema", "accumulate": 3, "steps": 12},
    },
}  # fmt: skip
MOST = 8  # kills of one run; then it may come to its end


class Case:
    """A config and the outcome of its run that nobody killed."""

    def __init__(self, folder: Path, forks: Forks, variant: str):
        self.forks = forks
        sections = VARIANTS[variant]
        known = {name: {**SETTINGS[name], **sections.get(name, {})} for name in ("data", "tokenizer")}
        training = {**SETTINGS["training"], **SHORT, **sections["training"]}
        model = {"dropout": 0.2, "max_length": 20, **sections["model"]}
        self.config = folder / f"{variant}.yaml"
        self.run = folder / variant
        value = {"run": str(self.run), **known, "training": training, "model": model}
        self.config.write_text(json.dumps(value), encoding="utf-8")  # JSON is YAML
        self._train_to_the_end()
        began = time.monotonic()
        self.changes = self._train_to_the_end("--force")
        self.seconds = time.monotonic() - began
        self.whole = outcome(self.run)

    def train(self, *words: str, **kill):
        """Start it. Every resumption has the same arguments."""
        fixed = ("train", "--config", self.config, "--threads", 1, "--device", "cpu")
        return self.forks.start(*fixed, *words, below=self.run, **kill)

    def _train_to_the_end(self, *words: str) -> int:
        """How many changes of files it took."""
        process = self.train(*words)
        assert process.wait() == 0, process.stderr
        return process.changes

    def word(self) -> str:
        """What a user gives who finds the run as it is."""
        return "--resume" if (self.run / "config.yaml").exists() else "--force"

    def kill_and_resume(self, draw: random.Random) -> int:
        """Train from the beginning, kill it up to `MOST` times; how often it was killed."""
        kills, word = 0, "--force"
        while True:
            if kills == MOST:
                process = self.train(word)
            elif draw.random() < 0.5:
                process = self.train(word, kill_at=draw.randint(1, self.changes // 2))
            else:
                process = self.train(word)
                time.sleep(draw.uniform(0, self.seconds * 0.7))
                os.kill(process.pid, signal.SIGKILL)
            code = process.wait()
            if code == 0:
                return kills
            assert code == -signal.SIGKILL, process.stderr
            kills, word = kills + 1, self.word()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kills")
    write_text(folder, pairs=250)
    return folder


@pytest.fixture(scope="module")
def forks(folder):
    forks = Forks(folder)
    yield forks
    forks.close()


@pytest.fixture(scope="module")
def case(folder, forks):
    """variant -> its Case, made once."""
    return cache(lambda variant: Case(folder, forks, variant))


def survive(case: Case, wanted: int, draw: random.Random) -> int:
    """Kill and resume runs until there were so many kills; each run must be the whole one."""
    kills = 0
    while kills < wanted:
        kills += case.kill_and_resume(draw)
        assert outcome(case.run) == case.whole
        hidden = [path.name for path in case.run.rglob(".*")]
        assert not hidden, f"left over: {hidden}"
    return kills


@pytest.mark.parametrize("variant", VARIANTS)
def test_killed_runs_are_those_that_nobody_killed(case, variant, record_property):
    record_property("kills survived", survive(case(variant), 4, random.Random(variant)))


@pytest.mark.soak
@pytest.mark.parametrize("variant", VARIANTS)
def test_many_kills(case, variant, record_property, request):
    wanted = request.config.getoption("kills")
    record_property("kills survived", survive(case(variant), wanted, random.Random(wanted)))
