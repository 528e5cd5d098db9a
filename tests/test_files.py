"""Atomic writing: the old file or the new one, never half of either, and nothing left over."""

import errno
import os
import pathlib
import re
import stat
import sys
import threading

import pytest

from nmt import files
from nmt.errors import NMTError


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_written_file_is_utf_8_with_line_feeds(tmp_path):
    files.write_text(tmp_path / "deep" / "down" / "x.txt", "ä\nb\n")
    assert (tmp_path / "deep/down/x.txt").read_bytes() == "ä\nb\n".encode()
    files.write_bytes(tmp_path / "x.bin", b"\r\n\0")
    assert (tmp_path / "x.bin").read_bytes() == b"\r\n\0"


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_what_replaces_a_file_or_folder_keeps_its_permissions(tmp_path, mode):
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_text("old", encoding="utf-8")
    folder.mkdir()
    os.link(file, tmp_path / "link")
    for path in (file, folder):
        path.chmod(mode)
    with files.replacing(file) as new:
        (beside,) = tmp_path.glob(".file.*")
        assert stat.S_IMODE(beside.stat().st_mode) == mode, "also while it is written"
        new.write("new")
    with files.replacing_folder(folder) as new:
        (new / "inside").write_text("new", encoding="utf-8")
    for path in (file, folder):
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert file.read_text(encoding="utf-8") == "new" and (tmp_path / "link").read_text(encoding="utf-8") == "old"
    folder.chmod(0o700)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_root_leaves_a_file_to_its_owner(tmp_path):
    (tmp_path / "file").write_text("old", encoding="utf-8")
    os.chown(tmp_path / "file", 12345, 23456)
    files.write_text(tmp_path / "file", "new")
    found = (tmp_path / "file").stat()
    assert (found.st_uid, found.st_gid) == (12345, 23456)


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.replacing(path) as file:
        file.write("half of the n")
        raise RuntimeError
    assert path.read_text(encoding="utf-8") == "old" and names(tmp_path) == ["x.txt"]


def test_an_interrupt_leaves_the_old_file(tmp_path):
    files.write_text(tmp_path / "x.txt", "old")
    with pytest.raises(KeyboardInterrupt), files.replacing(tmp_path / "x.txt", "wb") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert (tmp_path / "x.txt").read_text(encoding="utf-8") == "old" and names(tmp_path) == ["x.txt"]


def test_readers_see_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "x.txt"
    files.write_text(path, "old")
    with files.replacing(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new"


@pytest.fixture(params=["in one step", "in two"])
def exchanging(request, monkeypatch):
    """Folders are exchanged as the system can, and as every system can."""
    if request.param == "in two":
        monkeypatch.setattr(files, "_swap", lambda one, other: False)


@pytest.fixture
def needs_one_step(tmp_path):
    (one, other) = (tmp_path / "one", tmp_path / "other")
    one.mkdir()
    other.mkdir()
    if not files._swap(one, other):
        pytest.skip("this file system cannot exchange folders in one step")
    one.rmdir()
    other.rmdir()


def test_a_folder_that_is_exchanged_is_there_all_the_time(tmp_path, needs_one_step):
    folder, done, looks, missing = tmp_path / "model", threading.Event(), 0, 0
    files.write_text(folder / "x.txt", "0")

    def look() -> None:
        nonlocal looks, missing
        while not done.is_set():
            looks += 1
            missing += not os.path.exists(folder)

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(200):
        with files.replacing_folder(folder) as inside:
            files.write_text(inside / "x.txt", str(number))
    done.set()
    reader.join()
    assert looks > 200 and not missing
    assert (folder / "x.txt").read_text(encoding="utf-8") == "199" and names(tmp_path) == ["model"]


def test_a_folder_takes_the_place_of_all_that_was_there(tmp_path, exchanging):
    folder = tmp_path / "model"
    for content in ("first", "second"):
        with files.replacing_folder(folder) as inside:
            files.write_text(inside / content / "x.txt", content)
            assert content == "first" or names(folder) == ["first"]
    assert names(folder) == ["second"] and names(tmp_path) == ["model"]


def test_a_failure_leaves_the_old_folder(tmp_path, exchanging):
    folder = tmp_path / "model"
    with files.replacing_folder(folder) as inside:
        files.write_text(inside / "x.txt", "old")
    with pytest.raises(RuntimeError), files.replacing_folder(folder) as inside:
        files.write_text(inside / "x.txt", "new")
        raise RuntimeError
    assert (folder / "x.txt").read_text(encoding="utf-8") == "old" and names(tmp_path) == ["model"]


def test_a_file_keeps_no_half_when_the_disk_refuses(tmp_path, monkeypatch):
    files.write_text(tmp_path / "x.txt", "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        files.write_text(tmp_path / "x.txt", "new")
    assert (tmp_path / "x.txt").read_text(encoding="utf-8") == "old" and names(tmp_path) == ["x.txt"]


def test_what_is_above_is_a_folder_or_nothing(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    files.check_above(tmp_path / "new" / "er" / "file")
    with pytest.raises(NMTError, match="file is no folder"):
        files.check_above(tmp_path / "file" / "new" / "er")


def test_a_fault_names_the_file_that_was_asked_for(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError) as caught:
        files.write_text(tmp_path / "folder", "text")
    assert caught.value.filename == str(tmp_path / "folder") and names(tmp_path) == ["folder"]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs a folder that refuses the user")
def test_a_folder_without_permission_is_an_os_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        files.write_text(tmp_path / "x.txt", "new")


def test_a_folder_that_had_to_be_made_goes_when_nothing_came_of_it(tmp_path):
    for replacing in (files.replacing, files.replacing_folder):
        with pytest.raises(RuntimeError), replacing(tmp_path / "a" / "b" / "x"):
            raise RuntimeError
        assert names(tmp_path) == []


def test_a_full_disk_names_the_file(tmp_path):
    with (
        pytest.raises(OSError) as caught,
        files.replacing_folder(tmp_path / "model") as inside,
        files.replacing(inside / "x.txt"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(tmp_path / "model" / "x.txt") and names(tmp_path) == []


def test_an_error_after_the_exchange_leaves_the_new_folder_and_nothing_else(tmp_path, exchanging, monkeypatch):
    folder, sync = tmp_path / "model", files.sync
    files.write_text(folder / "x.txt", "old")

    def broken(path):
        if path == tmp_path:
            raise OSError(errno.EIO, "Input/output error")
        sync(path)

    monkeypatch.setattr(files, "sync", broken)
    with pytest.raises(OSError), files.replacing_folder(folder) as inside:
        files.write_text(inside / "x.txt", "new")
    assert (folder / "x.txt").read_text(encoding="utf-8") == "new" and names(tmp_path) == ["model"]


def test_what_is_written_is_synced_before_its_name_and_its_name_before_we_say_so(tmp_path, monkeypatch):
    """And so is the name of each folder that had to be made."""
    done, fsync, replace, mkdir = [], os.fsync, os.replace, os.mkdir
    links = pathlib.Path("/proc/self/fd")
    if not links.is_dir():
        pytest.skip("needs /proc to see what is synced")

    def place(path) -> str:
        return re.sub(r"\.(\w+)\.[0-9a-f]{8}\.tmp", r"new \1", os.path.relpath(path, tmp_path))

    def synced(file: int) -> None:
        done.append(f"sync {place(os.readlink(links / str(file)))}")
        fsync(file)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", lambda old, new: (done.append(f"rename {place(new)}"), replace(old, new)))
    monkeypatch.setattr(os, "mkdir", lambda path, *mode: (done.append(f"make {place(path)}"), mkdir(path, *mode)))
    with files.replacing_folder(tmp_path / "run" / "last") as inside:
        files.write_text(inside / "x", "text")
    expected = [
        "make run", "sync .", "make run/new last",
        "sync run/new last/new x", "rename run/new last/x", "sync run/new last",  # the file and its name
        "sync run/new last/x", "sync run/new last", "rename run/last", "sync run",
    ]  # fmt: skip
    if sys.version_info < (3, 11):  # its pathlib makes folders by a function of its own
        expected = [each for each in expected if not each.startswith("make")]
    assert done == expected


def test_recovering_brings_back_the_newest_and_clears_the_rest_away(tmp_path):
    for number, name in enumerate((".x.00000002.old", ".x.00000001.old", ".x.00000003.tmp")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "content").write_text(str(number), encoding="utf-8")
        os.utime(tmp_path / name, (number, number))
    (tmp_path / ".xx.00000001.tmp").touch()
    (tmp_path / ".x.mine.tmp").touch()
    files.recover(tmp_path / "x")
    assert names(tmp_path) == [".x.mine.tmp", ".xx.00000001.tmp", "x"]
    assert (tmp_path / "x" / "content").read_text(encoding="utf-8") == "1"


@pytest.mark.parametrize("target", ["there", "not yet there"])
def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path, exchanging, target):
    (tmp_path / "big").mkdir()
    for name in ("folder", "file"):
        (tmp_path / name).symlink_to(tmp_path / "big" / name)
    if target == "there":
        files.write_text(tmp_path / "big" / "folder" / "old.txt", "old")
        files.write_text(tmp_path / "big" / "file", "old")
    with files.replacing_folder(tmp_path / "folder") as inside:
        files.write_text(inside / "new.txt", "new")
    files.write_text(tmp_path / "file", "new")
    assert names(tmp_path) == ["big", "file", "folder"] and names(tmp_path / "big") == ["file", "folder"]
    assert (tmp_path / "folder").is_symlink() and names(tmp_path / "big" / "folder") == ["new.txt"]
    assert (tmp_path / "file").is_symlink() and (tmp_path / "big" / "file").read_text(encoding="utf-8") == "new"
    (tmp_path / "big" / ".folder.00000001.tmp").symlink_to(tmp_path)
    files.recover(tmp_path / "folder")
    assert names(tmp_path / "big") == ["file", "folder"] and names(tmp_path) == ["big", "file", "folder"]


def test_removing_leaves_nothing(tmp_path, monkeypatch):
    files.write_text(tmp_path / "folder" / "x.txt", "text")
    files.remove(tmp_path / "folder")
    files.remove(tmp_path / "folder")
    assert names(tmp_path) == []
    files.write_text(tmp_path / "folder" / "x.txt", "text")

    def broken(_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError) as caught:
        files.remove(tmp_path / "folder")
    assert caught.value.filename == str(tmp_path / "folder") and names(tmp_path) == []
