"""Killed or stopped at any moment, the middle of saving included, and resumed until it is done, a run is the one that
nobody disturbed.

Half of the kills come after a random time, the others at a random one of the calls that change files: a write (half of
which is done), a sync, a rename, a removal.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from functools import cache
from pathlib import Path

import pytest
from copy_task import SETTINGS, write_text
from forks import Fork, Forks
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
        "model": {"type": "gru", **RNN}, "tokenizer": {"kind": "bpe", "sampling": 0.2, "vocabulary": 21, "spare": 0},
        "training": {"precision": "bfloat16", "average": "ema", "accumulate": 3, "steps": 12},
    },
}  # fmt: skip
MOST = 5  # kills of one run; then it may come to its end


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

    def train(self, *words: str, below: Path | None = None, **kill):
        """Start it. Every resumption has the same arguments."""
        fixed = ("train", "--config", self.config, "--threads", 1, "--device", "cpu")
        return self.forks.start(*fixed, *words, below=below or self.run, **kill)

    def _train_to_the_end(self, *words: str) -> int:
        """How many changes of files it took."""
        process = self.train(*words)
        assert process.wait() == 0, process.stderr
        return process.changes

    def word(self) -> str:
        """What a user gives who finds the run as it is; --force again where it was killed while it removed a run."""
        return "--force" if (self.run / "model").exists() and not (self.run / "last").exists() else "--resume"

    def kill_and_resume(self, draw: random.Random, numbers: tuple[int, ...]) -> int:
        """Train from the beginning, send it up to `MOST` of these signals; how often one ended it."""
        kills, word = 0, "--force"
        while True:
            number = draw.choice(numbers)
            if kills == MOST:
                process = self.train(word)
            elif draw.random() < 0.5:
                process = self.train(word, kill_at=draw.randint(1, self.changes // 2), number=number)
            else:
                process = self.train(word)
                self._wait_until_it_listens(process)
                time.sleep(draw.uniform(0, self.seconds * 0.7))
                os.kill(process.pid, number)
            code = process.wait()
            if code == 0:
                return kills
            assert code == (-number if number == signal.SIGKILL else 128 + number), (code, number, process.stderr)
            kills, word = kills + 1, self.word()

    def _wait_until_it_listens(self, process: Fork) -> None:
        """Python and its packages are loaded, which takes no time here, and the command has begun."""
        while not (self.run / ".lock").exists() and not process.ended:
            time.sleep(0.001)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kills")
    write_text(folder, pairs=250)
    return folder


@pytest.fixture(scope="module")
def case(folder, forks):
    """variant -> its Case, made once."""
    return cache(lambda variant: Case(folder, forks, variant))


KILLS = (signal.SIGKILL,)
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def survive(case: Case, wanted: int, draw: random.Random, numbers: tuple[int, ...] = KILLS) -> int:
    """Kill and resume runs until there were so many kills; each run must be the whole one."""
    kills = 0
    while kills < wanted:
        kills += case.kill_and_resume(draw, numbers)
        assert outcome(case.run) == case.whole
        hidden = [path.name for path in case.run.rglob(".*")]
        assert not hidden, f"left over: {hidden}"
    return kills


@pytest.mark.parametrize("variant", ["transformer", pytest.param("attention_rnn", marks=pytest.mark.soak), "gru"])
def test_killed_runs_are_those_that_nobody_killed(case, variant, record_property):
    record_property("kills survived", survive(case(variant), 2, random.Random(variant)))


def test_killed_while_its_text_is_prepared_it_is_begun_anew(case, folder, record_property):
    case, cache = case("gru"), folder / "cache"
    shutil.rmtree(case.run)
    words = ("--resume", f"data.cache={cache}")
    for at in (1, 9, 30):
        assert case.train(*words, kill_at=at, below=cache).wait() == -signal.SIGKILL
        assert not (case.run / "config.yaml").exists()
    process = case.train(*words)
    assert process.wait() == 0 and "starts from the beginning" in process.stderr
    assert outcome(case.run) == case.whole
    record_property("kills survived", 3)


def test_a_stopped_run_has_the_conventional_exit_code_and_goes_on(case, record_property):
    record_property("stops resumed", survive(case("transformer"), 2, random.Random(1), STOPS))


def test_the_second_signal_ends_it_at_once(case, record_property):
    """Without a last checkpoint, as if it had been killed."""
    case, word = case("attention_rnn"), "--force"
    for delay in (0.1, 0.2, 0.3, 0.0):
        process = case.train(word)
        case._wait_until_it_listens(process)
        time.sleep(delay)
        for _ in range(3):
            os.kill(process.pid, signal.SIGINT)
            time.sleep(0.002)
        assert process.wait() in (0, 130, -signal.SIGINT), process.stderr
        word = case.word()
    assert case.train(word).wait() == 0
    assert outcome(case.run) == case.whole


@pytest.mark.soak
def test_many_times_three_signals_in_a_row(case, record_property, request):
    case, draw, word, ended = case("attention_rnn"), random.Random(1), "--force", 0
    for _ in range(request.config.getoption("kills")):
        process, number = case.train(word), draw.choice(STOPS)
        case._wait_until_it_listens(process)
        time.sleep(draw.uniform(0, case.seconds))
        for _ in range(3):
            os.kill(process.pid, number)
            time.sleep(draw.choice([0, 0.0005, 0.005]))
        code = process.wait()
        assert code in (0, 128 + number, -number), process.stderr
        ended += code != 0
        word = "--force" if code == 0 else case.word()
    assert case.train(word).wait() == 0 and outcome(case.run) == case.whole
    record_property("ended at once", ended)


@pytest.mark.soak
@pytest.mark.parametrize("variant", VARIANTS)
def test_many_stops(case, variant, record_property, request):
    wanted = request.config.getoption("kills")
    record_property("stops resumed", survive(case(variant), wanted, random.Random(wanted), STOPS))


@pytest.mark.soak
@pytest.mark.parametrize("variant", VARIANTS)
def test_many_kills(case, variant, record_property, request):
    wanted = request.config.getoption("kills")
    record_property("kills survived", survive(case(variant), wanted, random.Random(wanted)))
