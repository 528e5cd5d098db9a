"""nmt prepare as a user runs it."""

import pytest
from toy_text import sentences, toy_config
from typer.testing import CliRunner

from nmt import config as settings
from nmt.cli.app import app

runner = CliRunner()


@pytest.fixture
def path(tmp_path):
    config = toy_config(tmp_path, [*sentences(100), ("", "nothing")])
    path = tmp_path / "toy.yaml"
    path.write_text(settings.dump(config), encoding="utf-8")
    return path


def prepare(path, *overrides):
    return runner.invoke(app, ["prepare", "--config", str(path), *overrides])


def test_the_report_is_printed_and_saved(path, tmp_path):
    result = prepare(path)
    assert result.exit_code == 0, result.stderr
    assert "  kept                           100    99.0%\n" in result.stdout
    assert "  empty                            1     1.0%\n" in result.stdout
    (folder,) = (tmp_path / "runs" / "prepared").iterdir()
    assert result.stdout.splitlines()[-1] == f"prepared: {folder}"
    assert (folder / "report.json").is_file()
    assert prepare(path).stdout == result.stdout


def test_overrides(path):
    result = prepare(path, "data.cleaning.max_words=7")
    assert "  too long " in result.stdout


def bad_utf8(folder):
    (folder / "train.de").write_bytes(b"gut\nschlecht \xff\n")
    return "train.de:2: not UTF-8 (byte 0xff at column 10)"


def unequal(folder):
    (folder / "train.en").write_bytes(b"one\ntwo\n")
    return f"{folder / 'train.de'} has 101 lines but {folder / 'train.en'} has 2"


def missing(folder):
    (folder / "dev.en").unlink()
    return "dev.en: no such file"


def empty(folder):
    for side in ("de", "en"):
        (folder / f"train.{side}").write_bytes(b"")
    return "data.train: the training text has no lines"


def folder_in_its_place(folder):
    (folder / "train.en").unlink()
    (folder / "train.en").mkdir()
    return "train.en: is a folder, not a text file"


@pytest.mark.parametrize("harm", [bad_utf8, unequal, missing, empty, folder_in_its_place])
def test_bad_text_is_one_line(path, harm):
    told = harm(path.parent)
    result = prepare(path)
    assert result.exit_code == 1 and result.stdout == ""
    assert told in result.stderr and "Traceback" not in result.stderr
    assert sum(line.startswith("error: ") for line in result.stderr.splitlines()) == 1 and "\nhint: " in result.stderr


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("tokenizer.vocabulary=9000", "the largest possible is"),
        ("tokenizer.vocabulary=281", "is too small for this text"),
        ("data.dev={held_out: 1000}", "data.dev.held_out: 1,000 pairs are asked for, but after cleaning there are 100"),
        ("tokenizer.vocabluary=9000", 'did you mean "vocabulary"?'),
    ],
)
def test_bad_settings_are_one_line_and_a_hint(path, override, told):
    result = prepare(path, override)
    assert result.exit_code == 1
    assert told in result.stderr and "hint: " in result.stderr and "Traceback" not in result.stderr
