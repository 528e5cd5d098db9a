"""What `nmt translate` and `nmt eval` report about repetition and the length limit."""

import json

import pytest
import tiny_bundle
from tiny_bundle import TEXT
from typer.testing import CliRunner

from nmt.cli.app import app
from nmt.config import SearchConfig
from nmt.decoding.loops import loop
from nmt.evaluation.systems import _search

LINES = [*TEXT, *(line.upper() for line in TEXT), "ab " * 20]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Fresh weights, whose translations nearly all loop."""
    return tiny_bundle.save(tmp_path_factory.mktemp("bundle") / "model")


def run(*arguments: object):
    result = CliRunner().invoke(app, [*map(str, arguments), "--device", "cpu"], input="\n".join(LINES))
    assert result.exit_code == 0, result.stderr
    return result


@pytest.mark.parametrize("guard", [True, False])
def test_the_notes_count_what_the_json_lines_say(model, guard):
    switch = "--repetition-guard" if guard else "--no-repetition-guard"
    result = run("translate", "--model", model, "--json", switch)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    again, looping, at_limit = (sum(each[name] for each in found) for name in ("searched_again", "loops", "at_limit"))
    assert (again > looping) if guard else (looping > again == 0)
    assert [each["loops"] for each in found] == [bool(loop(each["translation"], each["source"])) for each in found]
    assert guard == (f"note: {again} lines were searched again because a phrase was repeated\n" in result.stderr)
    assert guard or f"note: {looping} lines repeat a phrase\n" in result.stderr
    assert at_limit > 1 and f"note: {at_limit} lines have hit the length limit" in result.stderr


def test_samples_are_not_searched_again(model):
    once = run("translate", "--model", model, "--sample", "--temperature", "0.1", "--repetition-guard")
    assert once.stdout == run("translate", "--model", model, "--sample", "--temperature", "0.1").stdout
    assert "lines repeat a phrase\n" in once.stderr and "searched again" not in once.stderr


def test_eval_reports_them_too(model, tmp_path):
    (tmp_path / "text").write_text("".join(f"{line}\n" for line in LINES), encoding="utf-8")
    text = tmp_path / "text"
    result = run("eval", "--model", model, "--source", text, "--reference", text, "--metric", "bleu")
    assert "lines repeat a phrase" in result.stderr and "lines have hit the length limit" in result.stderr
    assert "|repetition_guard:off|" in result.stdout


def test_the_signature_names_what_is_unusual():
    assert _search(SearchConfig()) == "beam:5|alpha:1"
    assert _search(SearchConfig(no_repeat_ngram=3)) == "beam:5|alpha:1|no_repeat_ngram:3"
    assert _search(SearchConfig(repetition_guard=False)) == "beam:5|alpha:1|repetition_guard:off"
