"""SHA256SUMS: what is listed must be there as it was."""

import shutil
import subprocess

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
    assert "is damaged or was changed" in fault(folder / "a")


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="another program reads the list")
def test_sha256sum_agrees(folder):
    done = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=folder, capture_output=True, encoding="utf-8")
    assert done.returncode == 0 and done.stdout == "a: OK\nb c: OK\n"
