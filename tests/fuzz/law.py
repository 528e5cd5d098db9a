"""The law of bad input: it works, or an NMTError says in one clear line what is wrong; nothing is written elsewhere,
nothing is executed, and neither time nor memory run away.

Quick mode, part of `make test`: the same few hundred cases each time. Long mode (NMT_FUZZ=long, `make fuzz`): many
thousand, other ones each time; NMT_FUZZ_SEED repeats those of an earlier run.
"""

import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, seed, settings

from nmt.errors import NMTError
from nmt.escapes import visible

LONG = os.environ.get("NMT_FUZZ") == "long"
SEED = int(os.environ.setdefault("NMT_FUZZ_SEED", str(secrets.randbits(32))))
SECONDS, MEGABYTES = 60, 1500
"""Most that one case may take: far more than it does, so that a busy machine is no failure."""

COUNTS: Counter = Counter()
"""Cases tried, and how many of them were refused."""

_TIMES = 40  # cases of the long mode for one of the quick mode
_WRITES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.truncate"}
_RUNS = {"os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect", "pickle.find_class"}

Result = TypeVar("Result")


def tries(count: int) -> Callable:
    """A test with `count` cases in quick mode."""
    health = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    chosen = settings(
        max_examples=count * _TIMES if LONG else count, derandomize=not LONG, database=None, deadline=None,
        suppress_health_check=health,
    )  # fmt: skip
    return lambda test: chosen(seed(SEED)(test) if LONG else test)


def holds(work: Callable[[], Result], *, folder: Path) -> Result | None:
    """What `work` returns, or None when it refuses as it should; it may write into `folder` alone."""
    COUNTS["cases"] += 1
    with bounded(), watched(folder):
        try:
            return work()
        except NMTError as error:
            COUNTS["refused"] += 1
            shown = f"{error.message}\n{error.hint}"
            assert error.message and visible(shown) == shown, repr(shown)
            assert max(map(len, error.message.splitlines())) < 1010, error.message[:2000]
            return None


@contextmanager
def bounded():
    """Time and memory."""
    began, before = time.monotonic(), _peak()
    yield
    assert time.monotonic() - began < SECONDS
    assert _peak() - before < MEGABYTES


def _peak() -> float:
    """Megabytes that this process has ever had at once."""
    if sys.platform != "linux":
        return 0.0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class _Watch:
    """Sees what Python opens, renames, removes and starts: an audit hook, which cannot be taken away again."""

    def __init__(self):
        self.folder: str | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple) -> None:
        if self.folder is None:
            return
        if event in _RUNS:
            self.seen.append(f"{event} {arguments[0]!r}")
        elif event in _WRITES or (event == "open" and _is_writing(arguments)):
            path = _path(event, arguments)
            if path and not path.startswith(self.folder) and path != os.devnull and "__pycache__" not in path:
                self.seen.append(f"{event} {path}")


def _path(event: str, arguments: tuple) -> str:
    """Where it happens; empty where a descriptor is written to. rmtree names files by their folder's descriptor."""
    if not isinstance(arguments[0], str | bytes | Path):
        return ""
    within = arguments[-1] if event in ("os.remove", "os.rmdir") else -1
    if within >= 0 and sys.platform != "linux":
        return ""
    folder = os.readlink(f"/proc/self/fd/{within}") if within >= 0 else ""
    return os.path.realpath(os.path.join(folder, os.fsdecode(arguments[0])))


def _is_writing(arguments: tuple) -> bool:
    """`mode` is None where os.open is called with flags."""
    _, mode, flags = arguments
    return bool(set(mode) & set("wax+")) if isinstance(mode, str) else bool(flags & (os.O_WRONLY | os.O_RDWR))


_WATCH: list[_Watch] = []


@contextmanager
def watched(folder: Path):
    """Nothing is written outside the folder, and no program, connection or pickled object is made."""
    if not _WATCH:
        _WATCH.append(_Watch())
    (watch,) = _WATCH
    watch.folder, watch.seen = os.path.realpath(folder), []
    try:
        yield
    finally:
        watch.folder = None
    assert not watch.seen
