"""Systems side by side, from Python: what is translated, what it is compared with, and what is told about it."""

import shutil
import sys

import pytest
import tiny_runs

import nmt
from nmt import bundle, config
from nmt.data.prepare import prepare
from nmt.errors import CheckpointError, ConfigError, DataError, NMTError
from nmt.evaluation import metrics


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    tiny_runs.make(folder)
    return folder


@pytest.fixture(scope="module")
def learnt(place):
    return place / "runs" / "learnt"


@pytest.fixture(scope="module")
def fresh(place):
    return place / "runs" / "fresh"


@pytest.fixture(scope="module")
def test_text(place):
    """The pairs that training held out, also as files."""
    text = prepare(config.load(place / "learnt.yaml")).test_text
    for name, lines in (("test.de", text.source), ("test.en", text.target)):
        (place / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return text


def test_a_run_is_scored_on_the_pairs_its_config_held_out(learnt, test_text):
    comparison = nmt.evaluate(learnt)
    translations = nmt.Translator.load(learnt).translate(test_text.source)
    (system,) = comparison.systems
    assert system.name == "learnt" and system.hypotheses == translations
    assert (comparison.sentences, comparison.references) == (30, 1)
    for column in comparison.columns:
        assert column.scores == [getattr(metrics, column.key)(translations, test_text.target)]
    assert [column.key for column in comparison.columns] == ["bleu", "chrf", "ter"]


def test_lines_that_are_too_long_have_no_ter(tmp_path):
    for name, words in (("ref", 501), ("hyp", 499)):
        (tmp_path / name).write_text("one two three four\n" + "a " * words + "\n", encoding="utf-8")
    given = {"hypotheses": [tmp_path / "hyp"], "references": [tmp_path / "ref"]}
    comparison = nmt.evaluate(**given)
    assert [column.key for column in comparison.columns] == ["bleu", "chrf"]
    told = "line 2 has 501 words; TER takes minutes for lines of more than 500"
    assert comparison.notes[-1] == f"no TER: {told}"
    with pytest.raises(DataError, match=told):
        nmt.evaluate(**given, metric="ter")
    (tmp_path / "ref").write_text("one two three four\na\n", encoding="utf-8")
    assert [column.key for column in nmt.evaluate(**given).columns] == ["bleu", "chrf", "ter"]


@pytest.mark.soak
def test_workers_change_no_score(learnt, test_text):
    one, two = (nmt.evaluate(learnt, workers=number) for number in (1, 2))
    assert one.systems[0].hypotheses == two.systems[0].hypotheses and one.columns == two.columns


def test_preparing_anew_is_told(place, learnt, test_text):
    told = []
    expected = nmt.evaluate(learnt, on_progress=lambda stage, done: told.append(stage)).columns
    assert set(told) == {"checking files"}
    other = place / "other.yaml"
    text = (place / "learnt.yaml").read_text(encoding="utf-8")
    other.write_text(text.replace("data:\n", "data:\n  cache: elsewhere\n"), encoding="utf-8")
    again = nmt.evaluate(learnt, config=other, on_progress=lambda stage, done: told.append(stage)).columns
    assert again == expected and "encoding" in told


def test_files_and_configs_give_the_same_test_set(place, learnt, test_text):
    expected = nmt.evaluate(learnt).columns
    assert nmt.evaluate(learnt, source=place / "test.de", references=[place / "test.en"]).columns == expected
    assert nmt.evaluate([learnt / "model"], config=place / "fresh.yaml").columns == expected
    parallel = place / "parallel.yaml"
    text = (place / "learnt.yaml").read_text(encoding="utf-8")
    parallel.write_text(text.replace("{held_out: 30}", "{source: test.de, target: test.en}"), encoding="utf-8")
    assert nmt.evaluate(learnt, config=parallel).columns == expected


def test_several_systems_and_significance(place, learnt, fresh, test_text):
    comparison = nmt.evaluate([learnt, fresh], hypotheses=[place / "test.en"], paired="bs", confidence=True)
    assert [system.name for system in comparison.systems] == ["learnt", "fresh", str(place / "test.en")]
    bleu = comparison.columns[0]
    assert [round(score.value) for score in bleu.scores][1:] == [0, 100]
    first, worse, better = bleu.significance.p_values
    assert first is None and worse < 0.05 and better < 0.05
    assert bleu.scores[0].interval.half_width > 0 and "bs:1000" in bleu.scores[0].signature


def test_what_a_model_cost_and_what_names_it(learnt, place):
    model = nmt.evaluate(learnt, beam=1, length_penalty=0.5, precision="float32").systems[0].model
    loaded = bundle.load(learnt)
    assert model.parameters == sum(weight.numel() for weight in loaded.model.parameters())
    assert model.training_tokens > 0 and model.decoding_seconds > 0 and not any(model.split) and model.language == "en"
    digest = loaded.config.digest
    how = "model:transformer|beam:1|alpha:0.5|engine:torch|precision:float32"
    assert model.signature == f"{how}|seed:1|config:{digest}|nmt:{nmt.__version__}"


def test_the_search_can_be_overridden(learnt, test_text):
    greedy = nmt.Translator.load(learnt, beam=1).translate(test_text.source)
    assert nmt.evaluate(learnt, beam=1).systems[0].hypotheses == greedy
    with pytest.raises(ConfigError, match="search"):
        nmt.evaluate(learnt, beam=0)


def test_the_tokenised_figure(place, learnt, test_text):
    """The raw references are their own tokenised form but for case and the full stop."""
    path = place / "test.lc.norm.tok.en"
    path.write_text("".join(f"{line[:-1].lower()} .\n" for line in test_text.target), encoding="utf-8")
    comparison = nmt.evaluate(learnt, hypotheses=[place / "test.en"], tokenized_references=[path], metric=["bleu"])
    column = comparison.columns[-1]
    assert column.key == "tokenized" and column.scores[1].value == pytest.approx(100)
    assert column.scores[0].name == "BLEU tok-lc" and "tok:none" in column.scores[0].signature
    assert "|moses:lc.norm.tok-en|" in column.scores[0].signature


def test_the_tokenised_figure_without_official_references(place, learnt, test_text):
    """The raw ones take the same steps: case costs nothing, and the signature tells."""
    (place / "other.form").write_text("".join(f"{line.upper()}\n" for line in test_text.target), encoding="utf-8")
    comparison = nmt.evaluate(learnt, hypotheses=[place / "other.form"], tokenized=True, metric=["bleu"])
    column = comparison.columns[-1]
    assert column.key == "tokenized" and column.scores[1].value == pytest.approx(100)
    assert comparison.columns[0].scores[1].value < 50
    assert "|moses:lc.norm.tok-en|references:made|" in column.scores[0].signature


def test_several_references(place, learnt, test_text):
    (place / "other.en").write_text("something else\n" * 30, encoding="utf-8")
    both = nmt.evaluate(learnt, source=place / "test.de", references=[place / "test.en", place / "other.en"])
    assert both.references == 2 and "nrefs:2" in both.columns[0].scores[0].signature


def test_words_that_a_run_never_saw(place, learnt, fresh, test_text):
    (place / "new.de").write_text("ein hund sieht katzen.\nder mann mag hund.\n", encoding="utf-8")
    (place / "new.en").write_text("a dog sees cats.\nthe man likes dog.\n", encoding="utf-8")
    texts = {"source": place / "new.de", "references": [place / "new.en"], "beam": 1}
    systems = [learnt, fresh, [learnt, fresh]]
    found = nmt.evaluate(systems, hypotheses=[place / "new.en"], metric="chrf", **texts)
    assert [each.unseen for each in found.checks] == [1 / 8, 1 / 8, None, None], "katzen"
    assert nmt.evaluate(learnt / "model", metric="chrf", **texts).checks[0].unseen is None
    assert nmt.evaluate(learnt, metric="chrf").checks[0].unseen == 0, "its test pairs consist of the same 12 words"


def test_a_name_says_which_run(place, learnt, fresh, test_text):
    told = []
    comparison = nmt.evaluate([learnt, fresh / "model"], on_system=told.append)
    assert told == [system.name for system in comparison.systems] == [str(learnt), str(fresh / "model")]


FAULTS = [
    ({}, DataError, "nothing to score"),
    ({"models": "none"}, CheckpointError, "no such folder"),
    ({"models": ["learnt", "none"]}, CheckpointError, "no such folder"),
    ({"models": "learnt/model"}, DataError, "names no test text"),
    ({"models": "learnt", "source": "test.de"}, DataError, "is half of a test set"),
    ({"models": "learnt", "references": ["test.en"]}, DataError, "is half of a test set"),
    ({"hypotheses": ["test.en"]}, DataError, "no reference"),
    ({"hypotheses": ["none"], "references": ["test.en"]}, DataError, "no such file"),
    ({"hypotheses": ["test.en"], "references": ["none"]}, DataError, "no such file"),
    ({"hypotheses": ["text.en"], "references": ["test.en"]}, DataError, r"text\.en has \d+ lines but .* 30"),
    ({"hypotheses": ["test.en"], "references": ["test.en", "text.en"]}, DataError, r"text\.en has \d+ lines but .* 30"),
    ({"models": "learnt", "source": "text.de", "references": ["test.en"]}, DataError, r"text\.de has \d+ lines but"),
    ({"models": "learnt", "tokenized_references": ["text.en"]}, DataError, r"text\.en has \d+ lines but"),
    (
        {"hypotheses": ["test.en"], "references": ["test.en"], "tokenized_references": ["test.en"]},
        DataError, "language is not known",
    ),
    ({"models": "learnt", "metric": ["meteor"]}, NMTError, "meteor"),
    ({"models": "learnt", "tokenize": "words"}, NMTError, "words"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "kind", "told"), FAULTS)
def test_faults_are_told_before_anything_is_translated(place, learnt, test_text, arguments, kind, told):
    def absolute(key, value):
        if isinstance(value, list):
            return [absolute(key, each) for each in value]
        folder = {"models": place / "runs", "hypotheses": place, "references": place, "source": place}
        return folder.get(key.removeprefix("tokenized_"), "") / value if key in folder or "ref" in key else value

    with pytest.raises(kind, match=told) as caught:
        nmt.evaluate(
            **{key: absolute(key, value) for key, value in arguments.items()},
            on_system=lambda name: pytest.fail("a model translates"),
        )
    assert caught.value.hint


def test_a_missing_package_is_told_before_anything_is_translated(place, learnt, test_text, monkeypatch):
    monkeypatch.setitem(sys.modules, "sacremoses", None)
    with pytest.raises(NMTError, match="needs sacremoses"):
        nmt.evaluate(
            learnt, tokenized_references=[place / "test.en"], on_system=lambda name: pytest.fail("a model translates")
        )


def test_a_config_without_a_test_set(place, learnt):
    path = place / "without.yaml"
    text = (place / "learnt.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("  test: {held_out: 30}\n", ""), encoding="utf-8")
    with pytest.raises(DataError, match="names no test text"):
        nmt.evaluate(learnt, config=path)


def test_a_damaged_model(learnt, place, test_text):
    copy = place / "damaged"
    shutil.copytree(learnt / "model", copy)
    (copy / "model.safetensors").write_bytes(b"half")
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        nmt.evaluate(copy, source=place / "test.de", references=[place / "test.en"])
