"""Duplicates, overlap and held-out pairs, against sets of strings."""

import random

import numpy as np
import pytest

from nmt.config import CleaningConfig
from nmt.data import selection as select
from nmt.data.cleaning import Verdict
from nmt.errors import DataError

CLEANING = CleaningConfig()


def some_pairs(count, kinds=60, seed=1):
    """Pairs in which sentences come back."""
    chance = random.Random(seed)
    return [(f"satz {chance.randrange(kinds)}", f"sentence {chance.randrange(kinds)}") for _ in range(count)]


def rows(pairs, mask):
    return [pair for pair, is_in in zip(pairs, mask, strict=True) if is_in]


def test_the_first_of_equal_pairs_stays():
    pairs = [*some_pairs(2000), ("", "x"), ("", "x"), ("b", "a"), ("a", "b"), (" b", "a ")]
    selection = select.examine([pairs], CLEANING)
    seen, expected = set(), []
    for source, target in pairs:
        pair = (source.strip(), target.strip())
        repeated = Verdict.DUPLICATE if pair in seen else Verdict.KEPT
        expected.append(repeated if source else Verdict.EMPTY)
        seen.add(pair)
    assert selection.verdicts.tolist() == expected
    assert selection.counts()[Verdict.EMPTY] == 2


def test_duplicates_may_stay():
    selection = select.examine([[("a", "b")] * 3], CLEANING.model_copy(update={"duplicates": False}))
    assert selection.kept.all()


@pytest.mark.parametrize("drop", [True, False])
def test_overlap_is_counted_on_either_side(drop):
    pairs = [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("", "3")]
    selection = select.examine([pairs], CLEANING)
    assert select.overlap(selection, [(["a", "x"], ["y", "z"]), (["q"], [" 3 "])], drop=drop) == 2
    assert rows(pairs, selection.kept) == (pairs[1:2] + pairs[3:4] if drop else pairs[:4])
    assert select.overlap(selection, [], drop=True) == 0


def test_no_held_out_sentence_stays_in_the_training_text():
    pairs = some_pairs(1500, kinds=400)
    selection = select.examine([pairs], CLEANING)
    dev = select.hold_out(selection, 40, split="dev", seed=1)
    test = select.hold_out(selection, 30, split="test", seed=1)
    splits = [rows(pairs, mask) for mask in (dev, test, selection.kept)]
    assert [len(split) for split in splits[:2]] == [40, 30] and len(splits[2]) > 500
    for side in (0, 1):
        first, second, third = ({pair[side] for pair in split} for split in splits)
        assert not first & second and not first & third and not second & third
    counts = selection.counts()
    assert counts[Verdict.HELD_OUT] == 70 and sum(counts.values()) == len(pairs)


def test_the_seed_draws():
    pairs = some_pairs(500, kinds=10_000)

    def drawn(split, seed):
        return np.flatnonzero(select.hold_out(select.examine([pairs], CLEANING), 20, split=split, seed=seed)).tolist()

    assert drawn("dev", 1) == drawn("dev", 1)
    assert drawn("dev", 1) != drawn("dev", 2)
    assert drawn("dev", 1) != drawn("test", 1)


@pytest.mark.parametrize("count", [5, 6])
def test_more_held_out_than_there_is(count):
    selection = select.examine([[(f"a{number}", f"b{number}") for number in range(5)]], CLEANING)
    with pytest.raises(DataError, match=rf"data.dev.held_out: {count} pairs are asked for, but .* there are 5"):
        select.hold_out(selection, count, split="dev", seed=1)
    twice = select.examine([[("a", "b"), ("a", "b"), ("", "c")]], CLEANING)
    with pytest.raises(DataError, match=r"there are 1 \(empty: 1, duplicate: 1\)"):
        select.hold_out(twice, count, split="dev", seed=1)


def test_a_sample_keeps_to_pairs_and_characters():
    pairs = [(f"satz {number:04}", f"line {number:04}") for number in range(1000)]  # 18 characters each
    selection = select.examine([[*pairs, ("", "")]], CLEANING)
    assert select.sample(selection, 5000, characters=10**9, seed=1).sum() == 1000
    assert select.sample(selection, 100, characters=10**9, seed=1).sum() == 100
    assert select.sample(selection, 5000, characters=900, seed=1).sum() == 50
    assert not select.sample(selection, 5000, characters=900, seed=1)[-1]
