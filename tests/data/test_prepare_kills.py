"""SIGKILL at any moment of `nmt prepare`: done again, it gives the bytes of one that nobody killed, nothing beside."""

import os
import random
import signal
import sys
import time

import pytest
from forks import Forks
from outcome import tree
from toy_text import sentences, toy_config

from nmt import config as settings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks a process that has imported torch")

EVERY = 13  # of the changes of files, where not each is tried


class Case:
    """A config whose prepared data are known."""

    def __init__(self, folder):
        self.forks, self.folder, self.cache = Forks(folder), folder, folder / "runs" / "prepared"
        config = toy_config(folder, sentences(80), tokenizer={"shared": False, "sampling": 0.1, "vocabulary": 296})
        (folder / "c.yaml").write_text(settings.dump(config), encoding="utf-8")
        began = time.monotonic()
        process = self.prepare()
        assert process.wait() == 0, process.stderr
        self.seconds = time.monotonic() - began
        self.changes, self.whole = process.changes, tree(self.cache)

    def prepare(self, **kill):
        return self.forks.start("prepare", "--config", "c.yaml", below=self.cache, **kill)

    def forget(self) -> None:
        """Remove the prepared data."""
        for key in self.cache.iterdir():
            key.rename(self.folder / f"{key.name}.{time.monotonic_ns()}")

    def kill_and_prepare(self, *, at: int | None = None, after: float = 0.0) -> int:
        """Prepare and kill it at a change of a file, or after so many seconds; 1 when it came to that."""
        self.forget()
        process = self.prepare(kill_at=at)
        if at is None:
            time.sleep(after)
            os.kill(process.pid, signal.SIGKILL)
        killed = process.wait() == -signal.SIGKILL
        process = self.prepare()
        assert process.wait() == 0, process.stderr
        assert tree(self.cache) == self.whole
        return int(killed)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    case = Case(tmp_path_factory.mktemp("prepare"))
    yield case
    case.forks.close()


def test_killed_while_preparing(case, record_property):
    kills = [case.kill_and_prepare(at=at) for at in range(1, case.changes, EVERY)]
    assert all(kills)
    record_property("kills survived", len(kills))


@pytest.mark.soak
def test_killed_at_each_change_of_a_file(case, record_property):
    record_property("kills survived", sum(case.kill_and_prepare(at=at) for at in range(1, case.changes + 1)))


@pytest.mark.soak
def test_killed_after_any_time(case, record_property, request):
    draw, wanted = random.Random(1), request.config.getoption("kills")
    kills = sum(case.kill_and_prepare(after=draw.uniform(0, case.seconds)) for _ in range(wanted))
    assert kills
    record_property("kills survived", kills)
