"""The tutorial's commands work, page by page in one folder: quickly with tiny models and little text, and, as they are
written, in `make soak`."""

import gzip
import re
import shutil
from pathlib import Path

import pytest
from tiny_commands import blocks, run, run_within, shrunk

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs/tutorial").glob("[0-9]*.md"))
PAIRS = {"train": 300, "dev": 30, "test": 30}


def commands(page: Path) -> list[str]:
    return [line for block in blocks(page, "sh") for line in block.splitlines()]


def little(folder: Path) -> None:
    """The configs, and the first pairs of the bundled corpus."""
    shutil.copytree(ROOT / "configs/quickstart", folder / "configs/quickstart")
    (folder / "data/quickstart").mkdir(parents=True)
    for path in (ROOT / "data/quickstart").glob("*.tsv.gz"):
        lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        few = b"".join(lines[: PAIRS[path.name.split(".")[0]]])
        (folder / "data/quickstart" / path.name).write_bytes(gzip.compress(few, mtime=0))


def test_every_page_is_in_the_table_of_contents():
    contents = (ROOT / "docs/tutorial/README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((\d\S+\.md)\)", contents) == [page.name for page in PAGES]


def test_the_commands_work(tmp_path, monkeypatch):
    little(tmp_path)
    monkeypatch.chdir(tmp_path)
    for page in PAGES:
        assert commands(page)
        for command in commands(page):
            run_within(shrunk(command), tmp_path)


@pytest.mark.soak
def test_the_commands_work_as_written(tmp_path):
    for folder in ("configs/quickstart", "data/quickstart"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for page in PAGES:
        for command in commands(page):
            run(command, tmp_path)
