"""Work in several processes: the order kept, little read ahead, and nothing left behind however it ends."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial
from itertools import islice

import pytest

from nmt.errors import DataError, NMTError
from nmt.runtime import set_threads
from nmt.workers import apart, crew, spread, threads_of

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals between processes")


def load(delay: float = 0.0):
    """Work on a number: even ones take a while."""

    def work(number: int) -> tuple[int, int]:
        time.sleep(delay * (number % 2 == 0))
        if number < 0:
            raise DataError(f"{number} is negative", hint="count from 0")
        return number, os.getpid()

    return work


def load_badly():
    raise DataError("no model", hint="train one")


def begun():
    """Two workers, one of which sleeps."""
    results = spread(partial(load, 60.0), iter([1, 1, 0, 0]), workers=2)
    next(results)
    return results


def run_until_told():
    """A program of its own, as which this file runs."""
    results = begun()
    print("ready", flush=True)
    list(results)


class SlowToImport:
    """Takes a minute until a new process has it."""

    def __reduce__(self):
        return time.sleep, (60,)


def start_slowly():
    """A program of its own, whose workers are not ready for a minute."""
    with crew(SlowToImport(), workers=2):
        print("ready", flush=True)
        time.sleep(60)


def program(code: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", f"import test_workers; {code}"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment, start_new_session=True)


def children() -> list:
    return multiprocessing.active_children()


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_order_from_several_processes(workers):
    results = list(spread(partial(load, 0.01), range(40), workers=workers))
    assert [number for number, _ in results] == list(range(40))
    processes = {process for _, process in results}
    assert len(processes) == workers and (os.getpid() in processes) == (workers == 1)
    assert children() == []


def test_nothing_to_do():
    assert list(spread(load, [], workers=2)) == []


def test_little_is_read_ahead_of_a_slow_chunk():
    taken = []
    results = spread(partial(load, 0.5), (taken.append(n) or n for n in [0, *range(1, 999, 2)]), workers=2)
    assert next(results)[0] == 0  # others waited half a second for it
    assert len(taken) < 20
    results.close()
    assert children() == []


def test_work_apart_is_done_in_a_process_of_its_own():
    (one, first), (two, second) = apart(load, 1), apart(load, 2)
    assert (one, two) == (1, 2) and len({first, second, os.getpid()}) == 3
    with pytest.raises(DataError, match="-3 is negative"):
        apart(load, -3)
    assert children() == []


@pytest.mark.parametrize("make", [load, load_badly])
def test_a_fault_in_a_process_is_raised_here(make):
    results = spread(make, [1, 2, -3, 4], workers=2)
    with pytest.raises(DataError, match=r"-3 is negative|no model") as caught:
        list(results)
    assert caught.value.hint in ("count from 0", "train one")
    assert "Traceback" in str(caught.value.__cause__)
    assert children() == []


def test_a_fault_in_the_chunks_is_raised_here():
    def chunks():
        yield 1
        raise DataError("line 2 is not UTF-8")

    with pytest.raises(DataError, match="line 2"):
        list(spread(load, chunks(), workers=2))
    assert children() == []


def test_a_killed_process_is_one_clear_error():
    results = spread(load, iter(range(10**9)), workers=2)
    for _, process in islice(results, 3):
        assert process != os.getpid()
    os.kill(process, getattr(signal, "SIGKILL", signal.SIGTERM))
    with pytest.raises(NMTError, match="a worker process was killed"):
        list(results)
    assert children() == []


@pytest.mark.parametrize("number", [0, -1, 100_000, 10**18])
def test_no_more_threads_or_processes_than_the_machine_can_serve(number):
    for start in (threads_of, set_threads, lambda number: list(spread(load, range(10), workers=number))):
        with pytest.raises(NMTError, match=rf"(threads|workers): {number}; expected 1 to \d+ on this machine"):
            start(number)
    assert children() == []


@POSIX
def test_no_process_outlives_a_parent_that_was_killed_while_it_started_them():
    with program("test_workers.start_slowly()") as process:
        assert process.stdout.readline() == b"ready\n"
        process.kill()
        process.communicate(timeout=20)  # returns when the last of them has closed stderr


@POSIX
@pytest.mark.parametrize(
    ("number", "to_all"),
    [("SIGKILL", False), ("SIGTERM", False), ("SIGTERM", True), ("SIGINT", True)],  # as a terminal's Ctrl-C
)
def test_no_process_outlives_its_parent(number, to_all):
    number = getattr(signal, number)
    with program("test_workers.run_until_told()") as process:
        assert process.stdout.readline() == b"ready\n"
        os.killpg(process.pid, number) if to_all else process.send_signal(number)
        _, errors = process.communicate(timeout=30)  # returns when the last of them has closed stderr
    assert process.returncode == -number
    assert errors.count(b"Traceback") == (number == signal.SIGINT)  # of this little program, none of the workers


def test_results_that_nobody_fetches_do_not_keep_a_program_from_its_end():
    with program("results = test_workers.begun()") as process:
        assert process.communicate(timeout=30) == (b"", b"") and process.returncode == 0
