"""Locks between processes and threads, and places that one of them makes."""

import errno
import pathlib
import subprocess
import sys
import threading

import pytest

from nmt import locks
from nmt.errors import NMTError


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


HOLD = """
import sys, time
from nmt import locks
with locks.lock(sys.argv[1]) as alone:
    print(alone, flush=True)
    time.sleep(60)
"""


def test_a_lock_is_held_by_one_process_and_ends_with_it(tmp_path):
    path = tmp_path / "deep" / ".lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline().strip() == b"True"
        with locks.lock(path) as alone:
            assert not alone
        holder.kill()
    assert path.exists()
    with locks.lock(path) as alone:
        assert alone
        with locks.lock(path) as twice:
            assert not twice
    assert names(tmp_path / "deep") == []


def test_a_lock_is_not_blamed_for_what_fails_while_it_is_held(tmp_path):
    with pytest.raises(OSError) as caught, locks.lock(tmp_path / ".lock"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename is None


def test_where_there_are_no_locks_nothing_is_refused(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(fcntl, "flock", unsupported)
    with locks.lock(tmp_path / ".lock") as one, locks.lock(tmp_path / ".lock") as other:
        assert one and other


def test_many_who_want_a_lock_have_it_one_after_the_other(tmp_path):
    inside, most = [], []

    def work() -> None:
        for _ in range(50):
            with locks.lock(tmp_path / ".lock") as alone:
                if alone:
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most and max(most) == 1 and names(tmp_path) == []


def test_a_place_is_claimed_by_one_and_what_a_crash_left_is_undone(tmp_path, monkeypatch):
    (tmp_path / ".x.00000001.tmp").mkdir()
    with locks.claimed(tmp_path / "x", what="a cake"):
        assert names(tmp_path) == [".x.lock"]
        with (
            pytest.raises(NMTError, match="x: another process writes a cake here"),
            locks.claimed(tmp_path / "x", what="a cake"),
        ):
            pass
    assert names(tmp_path) == []
    monkeypatch.chdir(tmp_path)
    for place, told in ((".", "is where you are"), ("/", "is a root")):
        with pytest.raises(NMTError, match=told), locks.claimed(pathlib.Path(place), what="a cake"):
            pass
