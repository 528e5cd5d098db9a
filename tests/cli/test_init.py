"""nmt init as a user runs it."""

import os
import random

import pytest
from toy_text import sentences, write
from typer.testing import CliRunner

from nmt import config as settings
from nmt.cli.app import app

runner = CliRunner()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder to work in, with a text of 100 pairs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").mkdir()
    write(tmp_path / "text", "a", sentences(100))
    write(tmp_path / "text", "b", sentences(10, seed=2))
    return tmp_path


def init(*options):
    return runner.invoke(app, ["init", *map(str, options)])


TEXT = ("--source", "text/a.de", "--target", "text/a.en")
DEV = ("text/b.de", "--dev-target", "text/b.en")


@pytest.mark.parametrize("model", ["transformer", "attention_rnn", "gru"])
def test_what_it_writes_can_be_prepared(folder, model):
    result = init(*TEXT, "--model", model, "--output", "configs/mine.yaml")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "next: nmt train --config configs/mine.yaml"
    text = (folder / "configs" / "mine.yaml").read_text(encoding="utf-8")
    assert 'source: "../text/a.de"' in text and str(folder) not in text
    config = settings.load("configs/mine.yaml")
    assert (config.data.source_language, config.data.target_language, config.model.type) == ("de", "en", model)
    assert runner.invoke(app, ["prepare", "--config", "configs/mine.yaml"]).exit_code == 0


def test_long_sentences_fit_the_model(folder):
    chance = random.Random(1)
    line = lambda: " ".join("".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=9)) for _ in range(190))  # noqa: E731
    write(folder / "text", "long", [(line(), line()) for _ in range(40)])
    assert init("--source", "text/long.de", "--target", "text/long.en").exit_code == 0
    assert settings.load("config.yaml").model.max_length > 512
    assert runner.invoke(app, ["prepare", "--config", "config.yaml"]).exit_code == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--dev-source", "text/none.de", "--dev-target", "text/none.en"), "the dev text is empty"),
        (("--source-language", "de\nx"), "is no language's code"),
        (("--output", "text/a.de/config.yaml"), "a.de is no folder"),
        (("--output", ".", "--force"), "is no regular file"),
    ],
)
def test_what_train_would_refuse_is_not_written(folder, options, told):
    for side in ("de", "en"):
        (folder / "text" / f"none.{side}").write_bytes(b"")
    result = init(*TEXT, *options)
    assert result.exit_code == 1 and told in result.stderr and not (folder / "config.yaml").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_read_twice(folder):
    os.mkfifo("pipe.de-en.tsv")
    result = init("--tsv", "pipe.de-en.tsv")
    assert result.exit_code == 1 and "is no file, and the text is read more than once" in result.stderr


def test_splits_of_your_own(folder):
    rows = "".join(f"{number}\t{target}\t{source}\n" for number, (source, target) in enumerate(sentences(30)))
    (folder / "text" / "c.tsv").write_text(rows, encoding="utf-8")
    dev = ("--dev-source", "text/b.de", "--dev-target", "text/b.en", "--test-tsv", "text/c.tsv", "--columns", 3, 2)
    assert init(*TEXT, *dev).exit_code == 0
    config = settings.load("config.yaml")
    assert config.data.dev.source == (folder / "text" / "b.de",)
    assert config.data.test.columns == (3, 2)


def test_tsv_with_the_languages_in_its_name(folder):
    rows = "".join(f"{source}\t{target}\n" for source, target in sentences(30))
    (folder / "pairs.de-en.tsv").write_text(rows, encoding="utf-8")
    assert init("--tsv", "pairs.de-en.tsv").exit_code == 0
    assert settings.load("config.yaml").data.target_language == "en"
    assert init("--tsv", "pairs.de-en.tsv", "--force", "--target-language", "no").exit_code == 0
    assert settings.load("config.yaml").data.target_language == "no"


def test_one_language_on_both_sides_must_be_meant(folder):
    """As when the sides are two styles of it."""
    same = ("--source-language", "de", "--target-language", "de")
    assert init(*TEXT, *same, "--output", "styles.yaml").exit_code == 0
    config = settings.load(folder / "styles.yaml")
    assert (config.data.source_language, config.data.target_language) == ("de", "de")


def test_nothing_is_replaced_without_force(folder):
    (folder / "config.yaml").write_text("mine", encoding="utf-8")
    result = init(*TEXT)
    assert result.exit_code == 1 and "config.yaml: exists" in result.stderr and "--force" in result.stderr
    assert (folder / "config.yaml").read_text(encoding="utf-8") == "mine"
    assert init(*TEXT, "--force").exit_code == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "which training text?"),
        (("--source", "text/a.de"), "which training text?"),
        ((*TEXT, "--tsv", "x.tsv"), "--tsv: holds both sides already"),
        ((*TEXT, "--output", "text"), "without --output the result goes to config.yaml"),
        ((*TEXT, "--dev-source", "text/b.de"), "which dev text?"),
        ((*TEXT, "--columns", "2", "1"), "--columns: of which TSV?"),
        ((*TEXT, "--output", "text/a.de", "--force"), "text/a.de: is both input and output"),
        ((*TEXT, "--dev-source", *DEV, "--output", "text/b.en", "--force"), "text/b.en: is both input and output"),
        ((*TEXT, "--source", "text/b.de"), "2 source files but 1 target files"),
        (("--source", "text/a.de", "--target", "text/nothing.en"), "text/nothing.en: no such file"),
        (("--source", "text/a.de", "--target", "text/b.en"), "has 100 lines but"),
        (("--source", "text/a.de", "--target", "text/a.de"), "--source-language and --target-language"),
        (("--source", "text/b.de", "--target", "text/b.en", "--dev-tsv", "text/a.de"), "1 column"),
    ],
)
def test_bad_input_is_one_line_and_a_hint_and_writes_nothing(folder, options, told):
    before = {path: path.read_bytes() for path in (folder / "text").iterdir()}
    result = init(*options)
    assert result.exit_code == 1 and "Traceback" not in result.stderr
    assert {path: path.read_bytes() for path in (folder / "text").iterdir()} == before
    assert told in result.stderr.replace("\\", "/") and "hint: " in result.stderr
    assert not (folder / "config.yaml").exists()


def test_minutes_shorten_the_training(folder, monkeypatch):
    from nmt.training import budget

    monkeypatch.setattr(budget, "measure", lambda config, text, device: budget.Pace(0.1, 1.0))
    assert init(*TEXT, "--output", "all.yaml").exit_code == 0
    result = init(*TEXT, "--minutes", 3)
    assert result.exit_code == 0, result.stderr
    whole, short = (settings.load(name).training.steps for name in ("all.yaml", "config.yaml"))
    assert short * 0.1 + 20 <= 180 and short < whole
    assert "--minutes 3: " in result.stderr and "passes over the text instead of" in result.stderr
    assert "on this machine when it is idle" in result.stdout


@pytest.mark.parametrize(("load", "warned"), [(0.1, False), (9.0, True), (None, False)])
def test_a_busy_machine_is_reported(folder, monkeypatch, load, warned):
    from nmt.cli import busy

    monkeypatch.setattr(busy, "count_cores", lambda: 2)
    monkeypatch.setattr(busy.runtime, "load", lambda: load)
    result = init(*TEXT)
    assert result.exit_code == 0 and ("other programs keep about 9.0 of 2 cores busy" in result.stderr) is warned
    assert ("--threads 1" in result.stderr) is warned
