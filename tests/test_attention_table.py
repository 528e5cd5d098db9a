"""The table of the kinds of attention says what the sections say."""

from itertools import product
from typing import get_args

import pytest
from typer.testing import CliRunner

from nmt import config as settings
from nmt.cli.app import app
from nmt.config.attention import LINES, choices, kinds
from nmt.config.model import ModelConfig
from nmt.errors import ConfigError

SECTIONS = {get_args(each.model_fields["type"].annotation)[0]: each for each in get_args(get_args(ModelConfig)[0])}
KINDS = pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.type)


@KINDS
def test_what_is_refused_is_what_the_table_says(kind):
    """Every combination, through the check that a config goes through before its training."""
    few = choices(SECTIONS[kind.type], [setting.name for setting in kind.settings])
    for values in product(*few.values()):
        chosen = dict(zip(few, values, strict=True))
        expected = {
            each.reason for each in kind.refused if all(chosen[name] in those for name, those in each.values.items())
        }
        try:
            settings.check(SECTIONS[kind.type], {"type": kind.type, **chosen}, name="table")
            told = ""
        except ConfigError as error:
            told = str(error)
        assert bool(told) == bool(expected) and all(reason in told for reason in expected), chosen


@KINDS
def test_a_default_is_one_of_the_values(kind):
    assert all(setting.default in setting.values for setting in kind.settings if setting.values)
    assert all(setting.line for setting in kind.settings)


def test_the_lines_are_of_values_that_there_are():
    known = {(setting.name, value) for kind in kinds() for setting in kind.settings for value in setting.values}
    assert known == {(name, value) for name, lines in LINES.items() for value in lines}


def test_the_command_prints_all_of_it():
    shown = CliRunner().invoke(app, ["config", "--attention"]).stdout
    words = " ".join(shown.split())
    assert "* softmax" in words
    for kind in kinds():
        assert f"type: {kind.type} " in words
        assert all(each.reason in words for each in kind.refused)
        lines = {line for setting in kind.settings for line in (setting.line, *setting.values.values())}
        assert all(line in words for line in lines)
