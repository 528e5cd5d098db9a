"""Buckets of lengths, significance of all pairs, and which lines are shown as examples."""

import numpy as np
import pytest

from nmt.analysis import quality
from nmt.analysis.quality import Example
from nmt.evaluation import metrics
from nmt.evaluation.metrics import Settings


@pytest.mark.parametrize(
    ("lengths", "bounds"),
    [
        ([7], [(7, 7)]),
        ([4, 4, 4], [(4, 4)]),
        (range(1, 11), [(1, 2), (3, 4), (5, 6), (7, 8), (9, 9), (10, 10)]),
        ([2] * 5 + [3, 9, 20, 0, 1], [(0, 1), (2, 2), (3, 3), (9, 9), (20, 20)]),
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 50], [(1, 1), (50, 50)]),
    ],
)
def test_the_bounds_of_the_buckets(lengths, bounds):
    assert quality.bounds(list(lengths)) == bounds


@pytest.mark.parametrize("count", [1, 2, 3, 5, 17, 200])
def test_every_sentence_is_in_one_bucket(count):
    lengths = np.random.default_rng(count).integers(1, 40, count).tolist()
    found = quality.bounds(lengths)
    assert all(sum(low <= length <= high for low, high in found) == 1 for length in lengths)
    assert all(low <= high for low, high in found) and found == sorted(found)
    assert all(any(low <= length <= high for length in lengths) for low, high in found)


SOURCE = ["a b", "c d e f g h", "i", "a b c d e f"]
REFERENCE = ["one two three four", "five six seven eight nine", "ten eleven twelve one", "six five four three"]


def test_bleu_of_a_bucket_is_that_of_its_sentences():
    output = ["one two three four", "five six seven eight", "ten eleven twelve one", "nothing at all here"]
    found = quality.by_length(SOURCE, [output, REFERENCE], [REFERENCE], settings=Settings())
    assert [(each.shortest, each.longest, each.sentences) for each in found] == [(1, 1, 1), (2, 2, 1), (6, 6, 2)]
    for bucket, rows in zip(found, ([2], [0], [1, 3]), strict=True):
        chosen = [[lines[row] for row in rows] for lines in (output, REFERENCE)]
        assert bucket.scores[0].value == metrics.bleu(*chosen).value
        assert bucket.scores[1].value == pytest.approx(100) and bucket.scores[0].interval is not None


def test_all_pairs_are_tested():
    good = REFERENCE * 8
    bad = ["one two", "five seven six", "eleven", "six"] * 8
    found = quality.pairwise("bleu", [good, bad, good], [REFERENCE * 8], settings=Settings())
    assert [found[number][number] for number in range(3)] == [None] * 3
    assert found[0][1] == found[1][0] < 0.01 and found[0][2] == found[2][0] == 1.0 and found[1][2] < 0.01


def test_sentence_scores_take_the_best_reference():
    found = quality.sentence_scores([["a dog", "x"], ["a cat", "y"]], [["a dog", "y"], ["a cat", "z"]])
    assert found.shape == (2, 2) and found[0][0] == found[1][0] == found[1][1] == pytest.approx(100)
    assert found[0][1] == 0


def test_the_examples_are_the_largest_differences_both_ways_and_some_by_chance():
    scores = np.array([[50.0, 90, 10, 50, 20, 50], [50.0, 10, 80, 50, 50, 45]])
    found = quality.examples(scores, each=1, drawn=2)
    assert found[:2] == [Example(1, 0, 1), Example(2, 1, 0)]
    assert found == quality.examples(scores, each=1, drawn=2) and len({each.line for each in found}) == len(found)
    several = {tuple(each.line for each in quality.examples(scores, each=1, seed=seed)) for seed in range(20)}
    assert len(several) > 1


def test_equal_systems_have_no_differences_to_show():
    assert all(each.better is None for each in quality.examples(np.full((2, 9), 40.0)))


def test_examples_of_one_system_and_of_many():
    one = quality.examples(np.array([[5.0, 1, 9, 4]]), each=1, drawn=1)
    assert [each.line for each in one][:2] == [2, 1]
    many = quality.examples(np.random.default_rng(1).uniform(size=(9, 50)), drawn=3)
    compared = [each for each in many if each.better is not None]
    assert len(compared) == quality.MOST and all(0 in (each.better, each.worse) for each in compared)
