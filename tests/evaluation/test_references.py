"""Several references: a blank line among them is no reference for that line."""

import pytest

from nmt.evaluation import metrics, references

HYPOTHESES = ["the cat", "a dog barks loudly in here"] * 5
FIRST = ["the cat sat on the mat with a hat", "a dog barks loudly in here"] * 5
SECOND = ["   ", "some dog is loud"] * 5


def test_a_blank_reference_among_several_does_not_count():
    """As an empty text it is the closest in length to a short hypothesis, so that no brevity penalty is left."""
    alone = metrics.bleu(HYPOTHESES[::2], FIRST[::2])
    assert metrics.bleu(HYPOTHESES[::2], FIRST[::2], SECOND[::2])._replace(signature="") == alone._replace(signature="")
    for order in ([FIRST, SECOND], [SECOND, FIRST]):
        score = metrics.bleu(HYPOTHESES, *order)
        assert score.value == pytest.approx(metrics.bleu(HYPOTHESES, FIRST, [FIRST[0], SECOND[1]] * 5).value)
        assert score.value < 80 and "nrefs:var" in score.signature


@pytest.mark.parametrize("metric", [metrics.bleu, metrics.chrf, metrics.ter, metrics.exact])
def test_any_metric_takes_the_references_that_are_there(metric):
    value = metric(HYPOTHESES, FIRST, [FIRST[0], SECOND[1]] * 5).value
    assert metric(HYPOTHESES, SECOND, FIRST).value == pytest.approx(value)
    interval = metric(HYPOTHESES, SECOND, FIRST, resamples=50).interval
    assert abs(interval.mean - value) <= 2 * interval.half_width + 1e-4


def test_significance_and_sentence_scores_take_them_too():
    found = metrics.significance(metrics.named("bleu"), [HYPOTHESES, FIRST], [SECOND, FIRST], test="bs")
    assert found.p_values[1] < 0.05
    assert metrics.sentence_chrf(FIRST, [SECOND, FIRST]) == pytest.approx([100] * 10)


def test_a_line_without_any_reference_has_an_empty_one():
    assert references.streams([["", "a"], [" ", "b"]]) == [["", "a"], [" ", "b"]]
    assert references.streams([["", "a"], ["c", ""]]) == [[None, "a"], ["c", None]]
    assert references.of_lines([["", "a"], ["c", ""]]) == [["c"], ["a"]]
    assert references.of_lines([[""]]) == [[""]]
    assert metrics.ter([""], [""]).value == metrics.bleu(["x"], [""], [""]).value == 0
