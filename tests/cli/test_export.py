"""nmt export as a user runs it, and the commands that take what it writes."""

import importlib.util
import json

import pytest
import tiny_bundle
import tiny_runs
from tiny_commands import on_one_thread
from typer.testing import CliRunner

from nmt.cli.app import app

INSTALLED = pytest.mark.skipif(
    importlib.util.find_spec("ctranslate2") is None, reason="CTranslate2 is not installed: pip install ctranslate2"
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tiny_runs.make(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def exported(runs):
    folder = runs[0].parent / "exported"
    code, shown, _ = nmt("export", "--to", "ctranslate2", "--model", runs[0], folder)
    assert code == 0
    return folder, shown


def nmt(command, *arguments, stdin=""):
    result = CliRunner().invoke(app, on_one_thread(command, *arguments), input=stdin)
    return result.exit_code, result.stdout, result.stderr


@INSTALLED
def test_it_says_how_far_both_engines_agree(exported):
    folder, shown = exported
    lines = shown.splitlines()
    assert lines[0] == "identical, greedy           20 of 20 lines"
    assert lines[1].startswith("identical, config's search  ") and lines[1].endswith(" of 20 lines")
    assert lines[2].startswith("largest score difference    ") and float(lines[2].split()[3]) < 1e-4
    assert lines[3] == "CTranslate2 computed in     float32"
    assert lines[4].startswith(f"{folder}: ctranslate2, float32, ")
    assert lines[5] == f"next: nmt translate --model {folder} --input FILE"


@INSTALLED
def test_the_folder_is_a_model_for_the_other_commands(runs, exported, tmp_path):
    text = "ein hund\nder mann sieht\n"
    exact = ("--precision", "float32")
    ours, its = (nmt("translate", "--model", each, "--beam", 1, *exact, stdin=text) for each in (runs[0], exported[0]))
    assert ours == its and ours[0] == 0
    ours, its = (
        nmt("translate", "--model", each, "--beam", 1, "--json", "--workers", 2, *exact, stdin=text)[1].splitlines()
        for each in (runs[0], exported[0])
    )
    assert [json.loads(line)["hypotheses"][0]["tokens"] for line in ours] == [
        json.loads(line)["hypotheses"][0]["tokens"] for line in its
    ]
    (tmp_path / "pairs.tsv").write_text("ein hund\ta dog\n", encoding="utf-8")
    ours, its = (nmt("score", "--model", each, "--tsv", tmp_path / "pairs.tsv")[1] for each in (runs[0], exported[0]))
    assert float(ours.split("\t")[0]) == pytest.approx(float(its.split("\t")[0]), abs=1e-4)
    code, shown, _ = nmt("eval", "--model", runs[0], "--model", exported[0], "--beam", 1, "--metric", "bleu", *exact)
    rows = [line.split("|") for line in shown.splitlines()[2:4]]
    assert code == 0 and rows[0][2] == rows[1][2]
    assert shown.count("|engine:ctranslate2-") == 1
    assert "translates with ctranslate2-" in nmt("info", exported[0])[1]
    here = json.loads(nmt("info", exported[0], "--json")[1])
    assert here["engine"].startswith("ctranslate2-") and here["precision"] == "float32"
    assert json.loads(nmt("info", runs[0], "--json")[1])["engine"] == "torch"


@INSTALLED
def test_a_file_to_translate_and_a_coarser_format(runs, tmp_path):
    (tmp_path / "text").write_text("ein hund\n" * 5, encoding="utf-8")
    options = ("--input", tmp_path / "text", "--lines", 3, "--quantization", "int8")
    code, shown, told = nmt("export", "--model", runs[0] / "model", *options, tmp_path / "out")
    assert code == 0 and "of 3 lines" in shown and "computed in     int8_float32\n" in shown
    assert told == "note: both engines translate 3 lines\n"
    for precision, computed in (("float32", "float32"), ("auto", "int8_float32")):
        where = ("--model", tmp_path / "out", "--precision", precision)
        code, shown, _ = nmt("eval", *where, "--source", tmp_path / "text", "--reference", tmp_path / "text")
        assert code == 0 and f"|precision:{computed}|" in shown
    (tmp_path / "pairs.tsv").write_text("ein hund\ta dog\n", encoding="utf-8")
    assert nmt("score", "--model", tmp_path / "out", "--tsv", tmp_path / "pairs.tsv")[0] == 0


@INSTALLED
def test_what_was_exported_is_not_exported_again(exported, tmp_path):
    code, _, told = nmt("export", "--model", exported[0], tmp_path / "out")
    assert code == 1 and "was exported already" in told and "export from the run" in told


@INSTALLED
def test_of_a_model_whose_config_draws_it_says_how_to_search(runs, tmp_path):
    drawing = tiny_bundle.changed(runs[0] / "model", tmp_path / "drawing", "sample: false", "sample: true")
    (tmp_path / "text").write_text("ein hund\n", encoding="utf-8")
    code, shown, told = nmt("export", "--model", drawing, "--input", tmp_path / "text", tmp_path / "out")
    assert code == 0 and "its config draws translations" in told
    (command,) = [line.removeprefix("next: nmt ") for line in shown.splitlines() if line.startswith("next: ")]
    assert " --search " in command
    assert nmt(*command.replace("FILE", str(tmp_path / "text")).split())[0] == 0


@INSTALLED
def test_nothing_is_replaced_unasked(runs, exported):
    code, _, told = nmt("export", "--model", runs[0], exported[0])
    assert code == 1 and "exists" in told and "--force" in told
    assert nmt("export", "--model", runs[0], exported[0], "--force", "--lines", 2)[0] == 0


@INSTALLED
def test_nothing_but_an_exported_model_is_ever_replaced(runs, tmp_path):
    """The model itself, a folder around it, something of the user's."""
    model, own = runs[0] / "model", tmp_path / "own"
    own.write_text("mine", encoding="utf-8")
    before = {path: path.read_bytes() for path in runs[0].rglob("*") if path.is_file()}
    for place in (model, runs[0], own):
        code, _, told = nmt("export", "--model", runs[0], place, "--force", "--lines", 2)
        assert code == 1 and "holds something else than an exported model" in told
    assert {path: path.read_bytes() for path in runs[0].rglob("*") if path.is_file()} == before
    assert own.read_text(encoding="utf-8") == "mine"


@INSTALLED
def test_without_lines_nothing_is_compared_and_nothing_kept(runs, tmp_path):
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    code, _, told = nmt("export", "--model", runs[0], tmp_path / "out", "--input", tmp_path / "empty.txt")
    assert code == 1 and "there are no lines" in told and not (tmp_path / "out").exists()


def test_what_cannot_be_exported_is_told_before_training(runs, tmp_path):
    code, _, told = nmt("export", "--model", runs[1], tmp_path / "out")
    assert code == 1 and "CTranslate2 runs Transformers" in told and not (tmp_path / "out").exists()
    assert "note: " not in told, "before any text is read"
    code, _, told = nmt("config", runs[1] / "config.yaml", "export=ctranslate2")
    assert code == 1 and "export: CTranslate2 runs Transformers, not gru" in told
    assert nmt("config", runs[0] / "config.yaml", "export=ctranslate2")[0] == 0
    code, _, told = nmt("config", runs[0] / "config.yaml", "export=ctranslate2", "model.decoder_attention=ssru")
    assert code == 1 and "model.decoder_attention: ssru, but with full" in told
    code, _, told = nmt("config", runs[1] / "config.yaml", "export=ctranslate2", "model.type=transfomer")
    assert code == 1 and "transfomer" in told and "CTranslate2" not in told


def test_a_bundle_alone_names_no_text(runs, tmp_path):
    code, _, told = nmt("export", "--model", runs[0] / "model", tmp_path / "out")
    assert code == 1 and "names no development text" in told and "--input" in told
