"""One function over many chunks in several processes: results in the order of the chunks, memory bounded.

Each process has one chunk at a time, so that neither side can wait for the other to read. All of them end with the
generator and with the process that started them, however that ends; signals are the latter's business alone.
"""

import atexit
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain, count, islice
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import TypeVar

from nmt.errors import NMTError

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")
Load = Callable[[], Callable[[Chunk], Result]]

_AHEAD = 4  # results a process that wait for an earlier one, before the reading waits too
_FEWEST, _PER_CORE = 16, 4  # threads or processes that any machine may start; more of them than cores gain nothing
_MEMORY = 256 << 20
"""Bytes of a process that has imported torch and loaded a small model."""


def spread(load: Load, chunks: Iterable[Chunk], *, workers: int) -> Iterator[Result]:
    """`load()(chunk)` for each chunk, in order, as `crew` does it."""
    with crew(load, workers=workers) as work:
        yield from work(chunks)


@contextmanager
def crew(load: Load, *, workers: int) -> Iterator[Callable[[Iterable[Chunk]], Iterator[Result]]]:
    """A function from chunks to `load()(chunk)` of each, in order. The processes start now and import what `load` is
    made of while this one does something else; each of them calls `load` once, when its first chunk comes.

    One worker is this process. A program that starts others needs the usual `if __name__ == "__main__":` around what
    it does. Errors of `load` and of its function are raised by the results; NMTError when a process is killed, and
    before any is started if there are more than cores and memory can serve.
    """
    if _bounded("workers", workers, min(_most_by_cores(), _most_by_memory() or workers)) == 1:
        yield partial(_alone, load)
        return
    with _processes(load, workers) as processes:
        yield partial(_together, processes)


def _alone(load: Load, chunks: Iterable[Chunk]) -> Iterator[Result]:
    yield from map(load(), chunks)


def _together(processes: list[Connection], chunks: Iterable[Chunk]) -> Iterator[Result]:
    numbered, idle, busy, results = enumerate(chunks), list(processes), {}, {}
    task = next(numbered, None)
    for wanted in count():
        while True:
            while idle and task and len(results) < _AHEAD * len(processes):
                number, chunk = task
                _give(idle[-1], chunk)
                busy[idle.pop()] = number
                task = next(numbered, None)  # read while the processes work: none waits for it
            if wanted in results or not busy:
                break
            for process in wait(list(busy), timeout=0.5):  # Windows hears Ctrl-C only between two waits
                results[busy.pop(process)] = _take(process)
                idle.append(process)
        if wanted not in results:
            return
        yield results.pop(wanted)


def apart(load: Load, chunk: Chunk) -> Result:
    """`load()(chunk)` in a process of its own, which has used neither time nor memory before. Errors as of `spread`."""
    with _processes(load, 1) as (process,):
        _give(process, chunk)
        return _take(process)


def count_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_of(threads: int | None) -> int:
    """The number of threads to start: `threads`, or the number of cores for None.

    Raises NMTError if that is less than 1 or more than the cores can serve.
    """
    return count_cores() if threads is None else _bounded("threads", threads, _most_by_cores())


def _most_by_cores() -> int:
    return max(_FEWEST, _PER_CORE * count_cores())


def _most_by_memory() -> int | None:
    """Processes for which memory is free; None if the system does not report it."""
    with suppress(OSError), open("/proc/meminfo", encoding="ascii") as file:
        for name, _, value in (line.partition(":") for line in file):
            if name == "MemAvailable":
                return max(1, int(value.split()[0]) * 1024 // _MEMORY)
    return None


def _bounded(what: str, number: int, most: int) -> int:
    if not 1 <= number <= most:
        cores = count_cores()
        raise NMTError(f"{what}: {number}; expected 1 to {most} on this machine", hint=f"{cores} use all of its cores")
    return number


def workers_for(chunks: Iterable[Chunk], *, most: int, each: int) -> tuple[int, Iterator[Chunk]]:
    """One worker for `each` so many chunks, at most `most` and as many as memory serves; and the chunks, of which some
    were read for that."""
    chunks, most = iter(chunks), min(most, _most_by_memory() or most)
    first = list(islice(chunks, each * most))
    return max(1, -(-len(first) // each)), chain(first, chunks)


@contextmanager
def _processes(load: Load, number: int) -> Iterator[list[Connection]]:
    """Connections to processes that `_serve`; in the end they are killed, as nothing of theirs can be lost."""
    context = get_context("spawn")
    connections, processes = [], []
    ending, alive = context.Pipe(duplex=False)  # nothing comes through it but its end, when this process ends
    end = partial(_end, processes)
    atexit.register(end)  # for results that nobody fetches
    try:
        with _signals_blocked():
            for _ in range(number):
                here, there = context.Pipe()
                processes.append(context.Process(target=_Begin(ending), args=(load, there), daemon=True))
                processes[-1].start()
                there.close()
                connections.append(here)
        yield connections
    finally:
        atexit.unregister(end)
        end()
        ending.close()
        alive.close()


def _end(processes: list[BaseProcess]) -> None:
    for process in processes:
        if process.pid is not None:
            process.kill()
            process.join()


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Processes that start here never see Ctrl-C or SIGTERM, not even while they import; what comes now comes later."""
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # its own start would unblock them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _give(process: Connection, chunk: Chunk) -> None:
    try:
        process.send(chunk)
    except OSError as error:
        raise _killed() from error


def _take(process: Connection) -> Result:
    try:
        result, error, trace = process.recv()
    except (EOFError, OSError) as error:
        raise _killed() from error
    if error is not None:
        raise error from RuntimeError(f"in a worker process:\n{trace}")
    return result


def _killed() -> NMTError:
    return NMTError("a worker process was killed", hint="when memory was short: use fewer workers, or smaller batches")


class _Begin:
    """`_serve` in a new process, which already ends with its parent while it unpickles, and imports, `load`."""

    def __init__(self, ending: Connection):
        self._ending = ending

    def __reduce__(self):
        return _begin, (self._ending,)


def _begin(ending: Connection) -> Callable[[Load, Connection], None]:
    Thread(target=_leave_with_parent, args=(ending,), daemon=True).start()
    return _serve


def _serve(load: Load, parent: Connection) -> None:
    """Answer chunks with (result, error, traceback)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for Windows
    work = None
    with suppress(EOFError, ConnectionError):  # the parent is gone
        while True:
            chunk = parent.recv()
            try:
                work = work or load()
                answer = work(chunk), None, None
            except Exception as error:
                answer = None, error, traceback.format_exc()
            parent.send(answer)


def _leave_with_parent(ending: Connection) -> None:
    wait([ending])
    os._exit(1)
