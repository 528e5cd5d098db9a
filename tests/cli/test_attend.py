"""nmt attend: every form, for every tiny model, and what it refuses."""

import json
import sys

import numpy as np
import pytest
import tiny_bundle
import torch
from tiny_bundle import TEXT
from typer.testing import CliRunner

from nmt import Translator
from nmt.analysis.text import columns
from nmt.cli.app import app
from nmt.ids import BOS, EOS

MODELS = {
    "transformer": {"encoder_layers": 2, "decoder_layers": 2},
    "attention_rnn": {"type": "attention_rnn", "embedding": 8, "hidden": 8, "attention": 8},
    "ntm": {"type": "ntm", "embedding": 8, "hidden": 8, "slots": 8, "slot_width": 4},
    "gru": {"type": "gru", "embedding": 8, "hidden": 8},
}
FORMS = (".txt", ".html", ".json", ".png", ".svg", ".pdf")
PICTURES = FORMS[3:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, model in MODELS.items():
        tiny_bundle.save(folder / name, **model)
    return folder


def run(model, *arguments, input=None, width=80):
    arguments = ["attend", "--model", str(model), "--device", "cpu", *map(str, arguments)]
    return CliRunner(env={"COLUMNS": str(width)}).invoke(app, arguments, input=input)


def ok(*arguments, **options) -> str:
    result = run(*arguments, **options)
    assert result.exit_code == 0 and result.stderr == "", result.stderr
    return result.stdout


@pytest.mark.parametrize("name", ["transformer", "attention_rnn", "ntm"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form(folder, tmp_path, name, form):
    if form in PICTURES:
        pytest.importorskip("matplotlib")
    path = tmp_path / f"new/attention{form.upper()}"
    assert ok(folder / name, TEXT[0], "--words", "--output", path) == ""
    starts = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml", ".html": b"<!doctype html>", ".json": b"{"}
    assert path.read_bytes().startswith(starts.get(form, b"source  A man"))
    assert path.read_bytes().endswith(b"\n") or form in (".png", ".pdf")


@pytest.mark.parametrize("name", ["transformer", "attention_rnn", "ntm"])
def test_json_holds_the_weights_of_the_model(folder, name):
    value = json.loads(ok(folder / name, TEXT[0], "--target", TEXT[2], "--json"))
    (sentence,) = value["sentences"]
    translator = Translator.load(folder / name, device="cpu", precision="float32")
    (src,), (tgt,) = translator.tokenizers.source.encode([TEXT[0]]), translator.tokenizers.target.encode([TEXT[2]])
    expected = translator.engine.model.explain(torch.tensor([[*src, EOS]]), torch.tensor([[BOS, *tgt]]))
    assert (value["model"], value["tokens"]) == (name, "pieces")
    assert (sentence["source"], sentence["target"]) == (TEXT[0], TEXT[2])
    assert set(sentence["attention"]) == {kind for kind, each in expected._asdict().items() if each is not None}
    for kind, found in sentence["attention"].items():
        weights = getattr(expected, kind)[0].detach().numpy()
        assert np.array(found["weights"]) == pytest.approx(weights, abs=1e-6)
        assert weights.shape[2:] == (len(found["queries"]), len(found["keys"]))
        assert (found["rollout"] is None) == (name != "transformer")


@pytest.mark.parametrize("options", [[], ["--words"], ["--kind=encoder", "--rollout"], ["--kind=decoder", "--all"]])
def test_text_fits_the_terminal(folder, options):
    for width in (40, 120):
        text = ok(folder / "transformer", TEXT[1], *options, width=width)
        source, target, *rest = text.split("\n")
        assert source == f"source  {TEXT[1]}" and target.startswith("target  ")
        assert max(map(columns, rest)) <= width
        assert text.count("head 1") == (2 if "--all" in options else 0)


def test_sentences_come_from_anywhere(folder, tmp_path):
    (tmp_path / "text").write_text(f"{TEXT[0]}\n{TEXT[3]}\n", encoding="utf-8")
    expected = ok(folder / "transformer", TEXT[0], TEXT[3])
    assert ok(folder / "transformer", "--input", tmp_path / "text") == expected
    assert ok(folder / "transformer", input=f"{TEXT[0]}\n{TEXT[3]}\n") == expected
    assert expected.count("source  ") == 2
    value = json.loads(ok(folder / "transformer", TEXT[0], TEXT[3], "--json", "--words"))
    assert [each["source"] for each in value["sentences"]] == [TEXT[0], TEXT[3]]
    assert value["sentences"][0]["attention"]["encoder"]["keys"][:2] == ["A", "man"]


def test_an_empty_line_is_noted_and_left_out(folder):
    result = run(folder / "transformer", input=f"{TEXT[0]}\n\n  \n{TEXT[1]}\n")
    assert result.exit_code == 0 and result.stdout.count("source  ") == 2
    assert "note: line 2 is empty" in result.stderr and "note: line 3 is empty" in result.stderr


def test_several_outputs_at_once_and_stdout(folder, tmp_path):
    outputs = [tmp_path / "a.txt", tmp_path / "a.json"]
    shown = ok(folder / "transformer", TEXT[0], "--output", outputs[0], "--output", outputs[1], "--json")
    assert shown == outputs[1].read_text(encoding="utf-8")
    assert ok(folder / "transformer", TEXT[0]) == outputs[0].read_text(encoding="utf-8")


@pytest.mark.parametrize("form", FORMS)
def test_a_word_in_two_sentences(folder, tmp_path, form):
    if form in PICTURES:
        pytest.importorskip("matplotlib")
    path = tmp_path / f"w{form}"
    assert ok(folder / "transformer", "A man is outside.", "The man climbs.", "--word", "Man", "--output", path) == ""
    content = path.read_bytes()
    if form == ".json":
        value = json.loads(content)
        assert value["word"] == {"word": "Man", "side": "source", "places": [1, 1]} and value["tokens"] == "words"
    elif form == ".txt":
        assert content.startswith(b"A man is outside.") and "what “Man” looks at".encode() in content
    elif form == ".html":
        assert b'"contexts":{"side":"source","unit":"words"}' in content


def test_a_word_that_occurs_twice_is_noted(folder):
    result = run(folder / "transformer", "A man and a man.", "--word", "man")
    assert result.exit_code == 0
    assert result.stderr == "note: 'man' occurs 2 times in 'A man and a man.'; the first is shown\n"
    assert result.stdout.startswith("A man and a man.")


def test_what_no_font_has_is_noted(folder, tmp_path):
    pytest.importorskip("matplotlib")
    result = run(folder / "transformer", "a \U0010fffd", "--words", "--output", tmp_path / "a.png")
    assert result.exit_code == 0 and "no font here has" in result.stderr and "\U0010fffd" in result.stderr
    assert ok(folder / "transformer", "a \U0010fffd", "--words", "--output", tmp_path / "a.svg") == ""


def test_a_model_without_attention(folder, tmp_path):
    result = run(folder / "gru", TEXT[0], "--output", tmp_path / "a.html")
    assert result.exit_code == 1 and result.stdout == "" and not (tmp_path / "a.html").exists()
    assert result.stderr.splitlines() == [
        f"error: {folder / 'gru'}: has no attention to show",
        "hint: every other model looks back at the source; a gru hands all of it over in one vector",
    ]


def test_without_matplotlib(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run("no-such-model", TEXT[0], "--output", tmp_path / "a.png")
    assert result.exit_code == 1 and "matplotlib, which is not installed" in result.stderr
    assert 'pip install "matplotlib>=3.9"' in result.stderr
    ok(folder / "transformer", TEXT[0], "--output", tmp_path / "a.html")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "--kind", "encoder"], "--kind encoder: the model has no encoder self-attention"),
        (["a", "--layer", 2], "layer 2: cross-attention has one layer"),
        (["a", "--layer", 1, "--head", 2], "head 2: cross-attention has one head"),
        (["a", "--layer", -1, "--output", "x.html"], "layer -1: cross-attention has one layer"),
        (["a", "--layer", 2, "--output", "x.json"], "layer 2: cross-attention has one layer"),
        (["a", "--rollout"], "rollout follows self-attention"),
        (["a", "--all", "--rollout"], "rollout is of all layers and heads"),
        (["a", "--word", "b"], "'b' is no word of 'a'"),
        (["a", "--word", "a", "--all"], "one map of each kind"),
        (["a", "--word", "a", "--kind", "cross"], "--word and --kind"),
        (["a", "--output", "x.doc"], "x.doc: which form?"),
        (["a", "--output", "folder.html"], "is no regular file"),
        (["--input", "text.txt", "--output", "text.txt"], "both input and output"),
        (["a", "b", "--output", "x.json", "--output", "x.svg"], "a picture shows one sentence"),
        (["a", "b", "--target", "c"], "2 sentences, and 1 of --target"),
        (["a", "--input", "text.txt"], "which?"),
        (["--input", "nothing"], "nothing: no such file"),
        (["--input", "many.txt"], "more than 100 sentences"),
        (["a", ""], "sentence 2: the source is empty"),
        (["a\udcff"], "SENTENCE: not UTF-8 (byte 0xff at column 2)"),
        (["a", "--target=\udcfe"], "--target: not UTF-8 (byte 0xfe at column 1)"),
        (["a", "--word=\udcfe"], "--word: not UTF-8 (byte 0xfe at column 1)"),
        (["word " * 200], "and the model takes 95"),
        (["a", "--target", "word " * 200], "the target has"),
        (["a", "--beam", 0], "beam: "),
        (["a", "--target", "c", "--beam", 2], "--beam: where a translation is given none is looked for"),
        ([], "there is no sentence"),
    ],
)
def test_a_mistake_is_named(folder, tmp_path, monkeypatch, arguments, message):
    if "x.svg" in arguments:
        pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "text.txt").write_bytes(b"a\n")
    (tmp_path / "many.txt").write_bytes(b"a\n" * 101)
    before = sorted(tmp_path.iterdir())
    result = run(folder / "attention_rnn", *arguments, input="")
    assert result.exit_code == 1 and message in result.stderr and "hint: " in result.stderr, result.stderr
    assert result.stdout == "" and sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "text.txt").read_bytes() == b"a\n"


def test_an_exported_model_keeps_it_to_itself(folder, tmp_path):
    pytest.importorskip("ctranslate2", reason="CTranslate2 is not installed: pip install ctranslate2")
    from nmt.export import export

    export(folder / "transformer", tmp_path / "exported", lines=TEXT, threads=1)
    result = run(tmp_path / "exported", TEXT[0])
    assert result.exit_code == 1 and "does not show the attention" in result.stderr and "hint: " in result.stderr
