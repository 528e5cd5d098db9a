"""Minimum Bayes risk: utilities that are sacreBLEU's, expectations that are sums over all pairs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu import sentence_bleu, sentence_chrf
from test_translator import TEXT, guessing, tokenizers  # noqa: F401 (fixtures)

from nmt.decoding import mbr
from nmt.decoding.hypothesis import Hypothesis
from nmt.errors import ConfigError

SACREBLEU = {"chrf": sentence_chrf, "bleu": sentence_bleu}
ODD = ["", " ", "a", "a b", "ab", "the the the the the", "the the", "...", "Don't go!", "日本 語", "1,000.5", "&quot;"]


def slow(texts, utility) -> np.ndarray:
    return np.array([[SACREBLEU[utility](one, [other]).score for other in texts] for one in texts])


@pytest.mark.parametrize("utility", SACREBLEU)
def test_a_utility_is_that_of_sacrebleu(utility):
    texts = [*ODD, *TEXT, *(line[:30] for line in TEXT), " ".join(TEXT)]
    np.testing.assert_allclose(mbr.utilities(texts, utility), slow(texts, utility), atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab .,'", max_size=14), min_size=1, max_size=5), st.sampled_from(sorted(SACREBLEU)))
def test_of_any_texts(texts, utility):
    np.testing.assert_allclose(mbr.utilities(texts, utility), slow(texts, utility), atol=1e-6)


@pytest.mark.parametrize("cells", [1, 40, 1 << 24])
def test_the_size_of_the_matrix_changes_nothing(monkeypatch, cells):
    expected = mbr.utilities(TEXT, "chrf")
    monkeypatch.setattr(mbr, "_BLOCK", cells)
    assert (mbr.utilities(TEXT, "chrf") == expected).all()


def hypotheses(logs) -> list[Hypothesis]:
    return [Hypothesis([number], log, log, [log]) for number, log in enumerate(logs)]


@pytest.mark.parametrize("utility", SACREBLEU)
@pytest.mark.parametrize("sampled", [True, False])
def test_the_best_has_the_largest_expectation(utility, sampled):
    texts = ["a man runs", "a man ran", "the man runs", "a man runs", "men run", "a man ran", "a man runs"]
    logs = [-3.0, -2.5, -4.0, -3.5, -1.0, -2.0, -9.0]
    weights = np.array([1.0 if sampled else math.exp(log) for log in logs])
    expected = slow(texts, utility) @ weights / weights.sum()
    found = mbr.choose(hypotheses(logs), texts, utility=utility, sampled=sampled)
    assert sorted(each.ids[0] for each in found) == [0, 1, 2, 4]  # the first of each text
    assert [each.score for each in found] == pytest.approx(sorted(expected[[0, 1, 2, 4]], reverse=True))
    assert all(each.score == pytest.approx(expected[each.ids[0]]) for each in found)
    assert [each.log_probability for each in found] == [logs[each.ids[0]] for each in found]


def test_one_candidate_and_equal_ones():
    (found,) = mbr.choose(hypotheses([-1.0, -2.0]), ["same text", "same text"], utility="chrf", sampled=True)
    assert found.ids == [0] and found.score == pytest.approx(100)
    (found,) = mbr.choose(hypotheses([-1.0]), [""], utility="bleu", sampled=False)
    assert found.score == 0


SAMPLING = {"mbr": "chrf", "sample": True, "n_best": 12, "top_k": 3}


@pytest.mark.parametrize("options", [SAMPLING, {"mbr": "bleu", "n_best": 4}])
def test_a_translator_chooses(guessing, options):  # noqa: F811
    found = list(guessing.translations(TEXT, **options))
    plain = list(guessing.translations(TEXT, **{**options, "mbr": "none"}))
    for ours, before in zip(found, plain, strict=True):
        texts = [each.text for each in before.hypotheses]
        assert sorted(each.text for each in ours.hypotheses) == sorted(set(texts))
        logs = np.array([each.log_probability for each in before.hypotheses])
        weights = np.ones(len(texts)) if "sample" in options else np.exp(logs - logs.max())
        expected = slow(texts, options["mbr"]) @ weights / weights.sum()
        assert [each.score for each in ours.hypotheses] == pytest.approx(
            [expected[texts.index(each.text)] for each in ours.hypotheses]
        )
        assert ours.text == ours.hypotheses[0].text
        scores = [each.score for each in ours.hypotheses]
        assert scores == sorted(scores, reverse=True)
    assert "sample" not in options or [each.text for each in found] != [each.text for each in plain]
    assert guessing.translate(TEXT, **options) == [each.text for each in found]
    assert [guessing.translate([line], **options)[0] for line in TEXT] == [each.text for each in found]


def test_empty_and_long_lines(guessing):  # noqa: F811
    long = " ".join(TEXT * 2)
    empty, split = guessing.translations(["", long], **SAMPLING)
    assert empty.text == "" and empty.parts == 0
    assert split.parts > 1
    scores = [each.score for each in split.hypotheses]
    assert scores == sorted(scores, reverse=True) and 0 < scores[0] <= 100


def test_what_cannot_be_is_refused(guessing):  # noqa: F811
    with pytest.raises(ConfigError, match="mbr chooses among n_best hypotheses"):
        guessing.translate(TEXT, mbr="chrf")
    with pytest.raises(ConfigError, match="something else is chosen"):
        guessing.translations(TEXT, attention=True, **SAMPLING)
