"""A disk that is full, a quota, a folder that is read-only or gone: each write of each command refused in turn.

Every time the command must end with exit code 1 and one clear line, what was there before must still be there and
work, and nothing may be left beside it.
"""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest
from copy_task import value_of, write_text
from outcome import outcome, tree
from tiny_commands import on_one_thread
from traps import Traps, trapped
from typer.testing import CliRunner

from nmt.cli.app import app

ERRORS = [getattr(errno, name) for name in ("ENOSPC", "EACCES", "EROFS", "EIO", "EDQUOT") if hasattr(errno, name)]
SHORT = {"steps": 2, "evaluate_every": 1, "log_every": 1}
TINY = {"type": "gru", "embedding": 8, "hidden": 8}
TRAIN = ("train", "--config", "c.yaml")
INIT = ("init", "--tsv", "pairs.tsv", "--source-language", "a", "--target-language", "b", "--output")
COMMANDS = {
    "init": (*INIT, "new/c.yaml"),
    "init --force": (*INIT, "old.txt", "--force"),
    "prepare": ("prepare", "--config", "c.yaml", "data.cache=cache"),
    "translate": ("translate", "--model", "run", "--input", "dev.txt", "--output", "new/out.txt"),
    "translate --json": ("translate", "--model", "run", "--input", "dev.txt", "--json", "--output", "old.txt"),
    "tokenize": ("tokenize", "--model", "run", "--input", "dev.txt", "--output", "old.txt"),
    "score": ("score", "--model", "run", "--source", "dev.txt", "--target", "dev.txt", "--output", "old.txt"),
    "eval": ("eval", "--model", "run", "--source", "dev.txt", "--reference", "dev.txt", "--output-folder", "kept"),
}  # fmt: skip


def nmt(*arguments: object):
    return CliRunner().invoke(app, on_one_thread(*arguments))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The current folder: text, a config, prepared data, a finished run, an old file."""
    folder, before = tmp_path_factory.mktemp("faults"), Path.cwd()
    os.chdir(folder)
    write_text(folder, pairs=60)
    lines = (folder / "train.txt").read_text(encoding="utf-8").splitlines()
    (folder / "pairs.tsv").write_text("".join(f"{line}\t{line[::-1]}.\n" for line in lines), encoding="utf-8")
    (folder / "old.txt").write_text("old\n", encoding="utf-8")
    value = {**value_of(training=SHORT), "model": {**TINY, "max_length": 20}, "search": {"max_length_extra": 2}}
    (folder / "c.yaml").write_text(json.dumps(value), encoding="utf-8")
    assert nmt(*TRAIN).exit_code == 0
    yield folder
    os.chdir(before)


def refuse(arguments, number: int, at: int) -> str:
    """Run a command whose change of a file number `at` is refused; what that was, or "" when it made fewer."""
    folder = Path.cwd()

    def spring(path: str) -> None:
        named = not traps.where.startswith(("write", "fsync", "truncate"))  # as the system does
        raise OSError(number, os.strerror(number), *([path] if named else []))

    traps = Traps(folder, at=at, spring=spring)
    with trapped(traps):
        result = nmt(*arguments)
    if traps.where:
        assert result.exit_code == 1 and isinstance(result.exception, SystemExit), (traps.where, result.exception)
        (told,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        place, what = told.removeprefix("error: ").rsplit(": ", 1)
        assert what == os.strerror(number).lower() and place and ".tmp" not in place, (traps.where, told)
        assert "Traceback" not in result.stderr and "hint: " in result.stderr
    return traps.where


def each_refusal(arguments, *, every: int):
    """The refusals of one change after the other: with every kind of error, or some kind of every few."""
    for at in range(1, 10_000, every):
        for number in ERRORS if every == 1 else [ERRORS[at // every % len(ERRORS)]]:
            if not (where := refuse(arguments, number, at)):
                return
            yield where


@pytest.fixture
def every(request):
    """How many changes of files there are to one that is refused."""
    return request.param


LIGHTLY = pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.soak)], indirect=True)
HEAVILY = pytest.mark.parametrize("every", [17, pytest.param(1, marks=pytest.mark.soak)], indirect=True)


def restore(folder: Path, before: dict) -> None:
    for path in sorted(tree(folder).keys() - before.keys(), reverse=True):
        (folder / path).unlink() if (folder / path).is_file() else (folder / path).rmdir()
    for path, content in before.items():
        if content is not None:
            (folder / path).write_bytes(content)


@pytest.mark.parametrize("name", COMMANDS)
@LIGHTLY
def test_a_refused_write_leaves_what_was_there(world, name, every, record_property):
    before = tree(world)
    assert nmt(*COMMANDS[name]).exit_code == 0
    done = tree(world)
    restore(world, before)
    count = 0
    for where in each_refusal(COMMANDS[name], every=every):
        after = tree(world)
        if after != before:  # the last sync failed: all is in its place, only it may not outlive a power cut
            assert after == done, (where, sorted(after.keys() ^ before.keys()))
            restore(world, before)
        count += 1
    assert count
    record_property("faults injected", count)


def leaves_no_litter(run: Path, where: str) -> None:
    hidden = [path.name for path in run.rglob(".*")] if run.exists() else []
    assert not hidden, (where, hidden)


@HEAVILY
def test_a_training_that_was_refused_a_write_is_resumed(world, every, record_property):
    run, count = world / "fresh", 0
    arguments = (*TRAIN, "run=fresh")
    for where in each_refusal((*arguments, "--force"), every=every):
        leaves_no_litter(run, where)
        removed = (run / "model").exists() and not (run / "last").exists()  # while --force cleared it away
        assert nmt(*arguments, "--force" if removed else "--resume").exit_code == 0, where
        assert outcome(run) == outcome(world / "run"), where
        count += 1
    record_property("faults injected", count)


@HEAVILY
def test_a_resumed_training_that_was_refused_a_write_keeps_the_last_good_state(world, every, record_property):
    run, count = world / "longer", 0
    arguments = (*TRAIN, "run=longer", "--resume", "training.steps=4")

    def back() -> None:
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(world / "run", run)

    back()
    assert nmt(*arguments).exit_code == 0
    whole = outcome(run)
    back()
    for where in each_refusal(arguments, every=every):
        leaves_no_litter(run, where)
        assert nmt("translate", "--model", run, "--input", "dev.txt", "--output", "x.txt").exit_code == 0, where
        result = nmt(*arguments)
        assert result.exit_code == 0, (where, result.stderr)
        assert outcome(run) == whole, where
        count += 1
        back()
    record_property("faults injected", count)
