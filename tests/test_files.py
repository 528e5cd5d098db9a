"""Atomic writing: the old file or the new one, never half of either, and nothing left over."""

import os
import sys

import pytest

from nmt import files


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_written_file_is_utf_8_with_line_feeds(tmp_path):
    files.write_text(tmp_path / "deep" / "down" / "x.txt", "ä\nb\n")
    assert (tmp_path / "deep/down/x.txt").read_bytes() == "ä\nb\n".encode()
    files.write_bytes(tmp_path / "x.bin", b"\r\n\0")
    assert (tmp_path / "x.bin").read_bytes() == b"\r\n\0"


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


def test_a_folder_takes_the_place_of_all_that_was_there(tmp_path):
    folder = tmp_path / "model"
    for content in ("first", "second"):
        with files.replacing_folder(folder) as inside:
            files.write_text(inside / content / "x.txt", content)
            assert content == "first" or names(folder) == ["first"]
    assert names(folder) == ["second"] and names(tmp_path) == ["model"]


def test_a_failure_leaves_the_old_folder(tmp_path):
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
