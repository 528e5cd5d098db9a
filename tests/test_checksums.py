"""SHA256SUMS: what is listed must be there as it was."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from nmt import checksums
from nmt.errors import CheckpointError


@pytest.fixture
def folder(tmp_path):
    for name, content in (("a", b"1"), ("b c", b"2" * 3_000_000), ("other", b"")):
        (tmp_path / name).write_bytes(content)
    checksums.write(tmp_path, ["a", "b c"])
    return tmp_path


def fault(path, **options) -> str:
    with pytest.raises(CheckpointError) as caught:
        checksums.check(path, **options)
    assert caught.value.hint and path.parent.name in caught.value.message
    return caught.value.message


def test_what_is_as_it_was_passes(folder):
    checksums.check(folder / "a", most=1)
    checksums.check(folder / "b c")


def test_what_is_not_is_told(folder):
    (folder / "b c").write_bytes(b"2" * 2_999_999 + b"3")
    assert "is damaged or was changed" in fault(folder / "b c")
    assert "is damaged or was changed" in fault(folder / "other")  # not listed
    assert "is larger than" in fault(folder / "a", most=0)
    assert "no such file" in fault(folder / "none")
    (folder / "SHA256SUMS").unlink()
    assert "SHA256SUMS: no such file" in fault(folder / "a")


@pytest.mark.parametrize("content", [b"", b"\xff\0", b"0  a\n", b"\n" * 100_000])
def test_a_list_that_is_none(folder, content):
    (folder / "SHA256SUMS").write_bytes(content)
    assert re.search("is damaged or was changed|is larger than", fault(folder / "a"))


def test_a_list_that_names_a_file_twice_is_refused(folder):
    lines = (folder / "SHA256SUMS").read_text()
    (folder / "SHA256SUMS").write_text(lines + lines.replace("6", "7"))
    assert "SHA256SUMS: lists a file twice" in fault(folder / "a")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("name", ["a", "SHA256SUMS"])
@pytest.mark.parametrize("kind", ["a link", "a folder", "a pipe"])
def test_only_plain_files_are_read(folder, name, kind):
    path = folder / name
    path.rename(folder / "moved")
    {"a link": lambda: path.symlink_to("moved"), "a folder": path.mkdir, "a pipe": lambda: os.mkfifo(path)}[kind]()
    assert f"{name}: expected a plain file, found {kind}" in fault(folder / "a")


def test_a_folder_may_be_a_link(folder, tmp_path_factory):
    link = tmp_path_factory.mktemp("links") / "link"
    link.symlink_to(folder)
    checksums.check(link / "a")


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="another program reads the list")
def test_sha256sum_agrees(folder):
    done = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=folder, capture_output=True, encoding="utf-8")
    assert done.returncode == 0 and done.stdout == "a: OK\nb c: OK\n"
