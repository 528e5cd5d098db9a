"""Other models choose: held to sums made by hand from what each model says about the pairs of texts."""

import math

import pytest
import tiny_bundle
from tiny_bundle import TEXT, changed

from nmt import Translator
from nmt.decoding import windows
from nmt.errors import ConfigError
from nmt.export import export

N_BEST = {"n_best": 3}
LONG = " ".join(TEXT)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """The model, one with another vocabulary, one that writes from the right, and one that translates back."""
    folder = tmp_path_factory.mktemp("models")
    first = changed(tiny_bundle.save(folder / "en"), folder / "model", "target_language: en", "target_language: de")
    separate = tiny_bundle.save(folder / "two", scale=4, tied_embeddings="target")
    other = changed(separate, folder / "other", "target_language: en", "target_language: de")
    return {
        "model": first, "other": other,
        "right": changed(other, folder / "right", "left_to_right", "right_to_left"),
        "back": changed(separate, folder / "back", "source_language: en", "source_language: de"),
        "french": changed(separate, folder / "french", "source_language: en", "source_language: fr"),
    }  # fmt: skip


def load(path, **options) -> Translator:
    return Translator.load(path, device="cpu", precision="float32", **options)


@pytest.mark.parametrize("weights", [{"other": 0.5}, {"right": 1}, {"back": 3}, {"other": 0.3, "right": 1, "back": 2}])
@pytest.mark.parametrize("alpha", [0, 1])
def test_the_score_is_the_weighted_sum(paths, weights, alpha):
    plain = list(load(paths["model"]).translations(TEXT, length_penalty=alpha, **N_BEST))
    rerank = {paths[name]: weight for name, weight in weights.items()}
    found = list(load(paths["model"], rerank=rerank).translations(TEXT, length_penalty=alpha, **N_BEST))
    for before, after in zip(plain, found, strict=True):
        expected = {}
        for each in before.hypotheses:
            expected[each.text] = each.score
            for name, weight in weights.items():
                pair = (each.text, before.source) if name == "back" else (before.source, each.text)
                (score,) = load(paths[name]).score([pair])
                expected[each.text] += weight * score.log_probability / len(score.tokens) ** alpha
        assert {each.text: pytest.approx(each.score, rel=1e-5) for each in after.hypotheses} == expected
        scores = [each.score for each in after.hypotheses]
        assert scores == sorted(scores, reverse=True) and after.text == after.hypotheses[0].text


def test_a_weight_of_0_changes_nothing_and_a_large_one_does(paths):
    plain = [each.text for each in load(paths["model"]).translations(TEXT, **N_BEST)]
    assert load(paths["model"], rerank={paths["right"]: 0}, **N_BEST).translate(TEXT) == plain
    assert load(paths["model"], rerank={paths["right"]: 100}, **N_BEST).translate(TEXT) != plain


def test_long_and_empty_lines_and_what_a_model_does_not_take(paths, tmp_path):
    short = tiny_bundle.save(tmp_path / "short", max_length=12, scale=4)
    other = changed(short, tmp_path / "other", "target_language: en", "target_language: de")
    long, empty = load(paths["model"], rerank={paths["right"]: 1}, **N_BEST).translations([LONG, ""])
    assert long.parts > 1 and not math.isnan(long.hypotheses[0].score)
    assert empty.text == "" and empty.parts == 0
    plain = [each.text for each in load(paths["model"]).translations(TEXT, **N_BEST)]
    assert load(paths["model"], rerank={other: 100}, **N_BEST).translate(TEXT) == plain


def test_several_processes(paths, monkeypatch):
    """The same as one, and all of the models reach them, also an ensemble's."""
    monkeypatch.setattr(windows, "READ_AHEAD", 3)
    options = {"rerank": {paths["back"]: 2, paths["right"]: 0.7}, **N_BEST}
    translator, lines = load([paths["model"], paths["model"]], **options), TEXT * 2
    one, two = (list(translator.translations(lines, details=False, workers=workers)) for workers in (1, 2))
    assert [each.hypotheses for each in one] == [each.hypotheses for each in two]
    assert [each.text for each in one[:4]] == load(paths["model"], **options).translate(TEXT)


def test_a_model_that_is_exported_reranks_in_several_processes(paths, tmp_path, monkeypatch):
    """Though it does not compute in the number format of the model that it helps."""
    pytest.importorskip("ctranslate2")
    monkeypatch.setattr(windows, "READ_AHEAD", 3)
    export(paths["model"], tmp_path / "exported", lines=TEXT)
    translator = Translator.load(paths["model"], rerank={tmp_path / "exported": 1}, device="cpu", threads=2, **N_BEST)
    one, two = (list(translator.translations(TEXT, workers=workers)) for workers in (1, 2))
    assert [each.text for each in one] == [each.text for each in two]


def test_a_tag_reaches_the_models_that_know_it(paths, tmp_path):
    saved = tiny_bundle.save(tmp_path / "saved", tags=["a", "b"])
    model = changed(saved, tmp_path / "model", "target_language: en", "target_language: de")
    back = changed(saved, tmp_path / "back", "source_language: en", "source_language: de")
    for rerank in ({model: 1}, {back: 1}, {paths["other"]: 1}):
        translator, loaded = load(model, rerank=rerank, **N_BEST), load(model, rerank=rerank, tag="b", **N_BEST)
        found = list(translator.translations(TEXT, tag="b"))
        assert found == list(loaded.translations(TEXT)) != list(translator.translations(TEXT, tag="a"))
    (plain,) = load(model).translations(TEXT[:1], tag="b", **N_BEST)
    (found,) = load(model, rerank={model: 1}, **N_BEST).translations(TEXT[:1], tag="b")
    scores = load(model).score([(TEXT[0], each.text) for each in plain.hypotheses], tag="b")
    for before, score in zip(plain.hypotheses, scores, strict=True):
        (after,) = (each for each in found.hypotheses if each.text == before.text)
        assert after.score == pytest.approx(before.score + score.log_probability / len(score.tokens), rel=1e-4)


@pytest.mark.parametrize(
    ("name", "weight", "message"),
    [("french", 1, "translates fr-en, and the hypotheses are en-de"), ("other", -1, "weight of -1"),
     ("other", math.nan, "weight of nan"), ("other", 1e9, "weight of 1e")],
)  # fmt: skip
def test_a_model_that_does_not_fit_is_refused(paths, name, weight, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load(paths["model"], rerank={paths[name]: weight})
    assert caught.value.hint


def test_there_must_be_a_choice_and_one_way_to_make_it(paths):
    translator = load(paths["model"], rerank={paths["other"]: 1})
    with pytest.raises(ConfigError, match="one hypothesis to choose from"):
        translator.translate(TEXT)
    with pytest.raises(ConfigError, match="different measures"):
        translator.translate(TEXT, mbr="chrf", **N_BEST)
    with pytest.raises(ConfigError, match="something else is chosen"):
        translator.translations(TEXT, attention=True, **N_BEST)
