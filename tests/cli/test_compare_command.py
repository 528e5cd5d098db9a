"""nmt compare as it is used: the table, the report, and bad input."""

import sys

import pytest
import tiny_bundle
from typer.testing import CliRunner

from nmt.cli.app import app

TEXT = "{source: ../../text.en, target: ../../text.en}"
CONFIG = f"""
run: .
data: {{source_language: en, target_language: en, train: {TEXT}, dev: {TEXT}, test: {TEXT}}}
model: {{type: gru}}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two run folders of models that were never trained, and the text that their configs name."""
    folder = tmp_path_factory.mktemp("compare")
    (folder / "text.en").write_text("".join(f"{line}\n" for line in tiny_bundle.TEXT), encoding="utf-8")
    for name, norm in (("fresh", "post"), ("learnt", "pre")):
        run = folder / "runs" / name
        tiny_bundle.save(run / "model", norm=norm)
        (run / "log.jsonl").write_text("", encoding="utf-8")
        (run / "config.yaml").write_text(CONFIG, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def _inside(place, monkeypatch):
    monkeypatch.chdir(place)


def invoke(*arguments: str):
    return CliRunner().invoke(app, ["compare", *arguments, "--device", "cpu", "--threads", "1"])


def test_a_page_and_a_table(place, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["nmt", "compare", "runs/fresh", "runs/learnt", "--output", "my page.html"])
    done = invoke("runs/fresh", "runs/learnt", "--output", "my page.html", "--turns", "0", "--beam", "1")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("|        |") and "**Against fresh**" in lines and lines[-1] == "report: my page.html"
    assert "note: fresh translates" in done.stderr
    text = (place / "my page.html").read_text(encoding="utf-8")
    assert "beam:1|" in text and "--output &#x27;my page.html&#x27;" in text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing"], "error: nothing: no such folder\nhint: "),
        (["runs/learnt", "runs/learnt/model"], "error: runs/learnt/model: is named twice\nhint: "),
        (["runs/learnt/model"], "error: a model bundle names no test text\nhint: give --source and --reference"),
        (["runs/learnt", "--source", "none.de", "--reference", "none.en"], "error: none.en: no such file\nhint: "),
        (["runs/learnt", "--reference", "text.en"], "error: --reference is half of a test set\nhint: "),
        (["runs/learnt", "--tokenize", "none at all"], "error: tokenize: 'none at all' is none of "),
        (["runs/learnt", "--beam", "0"], "error: search: "),
        (["runs/learnt", "--output", "runs"], "error: runs: holds something else than a report: "),
        (["runs/learnt", "--output", "text.en"], "error: text.en: is a file, not a folder\nhint: "),
    ],
)
def test_bad_input_is_one_line_and_a_hint(place, arguments, told):
    before = sorted(path.name for path in place.rglob("*"))
    done = invoke(*arguments, *([] if "--output" in arguments else ["--output", "report"]))
    assert done.exit_code == 1 and done.stdout == ""
    assert told in done.stderr and "\nhint: " in done.stderr and "Traceback" not in done.stderr
    assert "translates" not in done.stderr and sorted(path.name for path in place.rglob("*")) == before


def test_a_missing_matplotlib_is_told_first(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = invoke("nothing", "--output", "report")
    assert done.exit_code == 1 and "the plots need matplotlib" in done.stderr
    assert 'pip install "matplotlib>=3.9"' in done.stderr


def test_wrong_usage():
    assert invoke("--output", "report").exit_code == 2 and invoke("runs/learnt").exit_code == 2
