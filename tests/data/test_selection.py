"""Duplicates, overlap, held-out pairs and unusual lengths, against sets of strings."""

import random

import numpy as np
import pytest

from nmt.config import CleaningConfig
from nmt.data import lengths
from nmt.data import selection as select
from nmt.data.cleaning import Verdict
from nmt.data.overlap import Overlap
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


@pytest.mark.parametrize(
    ("drop", "kept"), [("keep", "abcde"), ("pairs", "bcde"), ("sources", "de"), ("all", "e")]
)
def test_overlap_is_counted_and_dropped_by_what_is_shared(drop, kept):
    pairs = [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5"), ("", "4")]
    splits = {"dev": (["a ", "b"], [" 1", "z"]), "test": (["c", "q"], ["4", "1"])}
    selection = select.examine([pairs], CLEANING)
    found = select.overlap(selection, splits, drop=drop)
    assert found == {"dev": Overlap(pairs=1, sources=1), "test": Overlap(sources=1, targets=2)}
    assert "".join(source for source, _ in rows(pairs, selection.kept)) == kept
    assert select.overlap(selection, {}, drop=drop) == {}


def test_mirrored_pairs_overlap_in_the_other_direction():
    pairs = [("1", "a"), ("x", "b"), ("2", "y"), ("u", "v")]
    for mirrored, expected in ((True, Overlap(1, 1, 1)), (False, Overlap())):
        selection = select.examine([pairs], CLEANING)
        assert select.overlap(selection, {"dev": ("ab", "12")}, drop="all", mirrored=mirrored) == {"dev": expected}
        assert selection.kept.sum() == 4 - sum(expected)


@pytest.mark.parametrize("drop", ["sources", "all"])
def test_no_held_out_source_stays_in_the_training_text(drop):
    pairs = some_pairs(1500, kinds=400)
    selection = select.examine([pairs], CLEANING)
    dev, near_dev = select.hold_out(selection, 40, split="dev", seed=1, drop=drop)
    test, _ = select.hold_out(selection, 30, split="test", seed=1, drop=drop)
    splits = [rows(pairs, mask) for mask in (dev, test, selection.kept)]
    assert [len(split) for split in splits[:2]] == [40, 30] and len(splits[2]) > 500
    for side in (0, 1) if drop == "all" else (0,):
        first, second, third = ({pair[side] for pair in split} for split in splits)
        assert not first & second and not first & third and not second & third
    shared = {target for _, target in splits[0]} & {target for _, target in splits[2]}
    assert bool(shared) == (drop == "sources") and near_dev.targets > 0 and near_dev.pairs == 0
    counts = selection.counts()
    assert counts[Verdict.HELD_OUT] == 70 and sum(counts.values()) == len(pairs)


def test_the_seed_draws():
    pairs = some_pairs(500, kinds=10_000)

    def drawn(split, seed):
        taken, _ = select.hold_out(select.examine([pairs], CLEANING), 20, split=split, seed=seed)
        return np.flatnonzero(taken).tolist()

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


@pytest.mark.parametrize("swapped", [False, True])
def test_uneven_pairs_are_measured_by_their_own_text(swapped):
    """Three characters for one are usual in the one text and wrong in the other, in either direction."""
    wide = [("x" * length, "y" * (3 * length)) for length in range(10, 110)]
    even = [("u" * length, "v" * length) for length in range(10, 110)]
    texts = [[*wide, ("x" * 40, "z" * 40)], [*even, ("u" * 40, "z" * 120)]]
    if swapped:
        texts = [[pair[::-1] for pair in text] for text in texts]
    verdicts = select.examine(texts, CLEANING, kinds=(0, 1)).verdicts.tolist()
    assert verdicts == [*[Verdict.KEPT] * 100, Verdict.UNEVEN] * 2
    off = CLEANING.model_copy(update={"max_deviation": None})
    assert select.examine(texts, off, kinds=(0, 1)).kept.all()


def test_short_pairs_may_differ_more():
    even = [("u" * length, "v" * length) for length in range(10, 110)]
    short, long = ("Ja.", "Yes, that would be it."), ("u" * 30, "v" * 120)
    assert select.examine([[*even, short, long]], CLEANING).verdicts.tolist() == [*[Verdict.KEPT] * 101, Verdict.UNEVEN]


def test_a_small_text_has_no_uneven_pairs():
    assert select.examine([[("a" * length, "b" * length ** 2) for length in range(5, 45)]], CLEANING).kept.all()


def test_the_length_model_finds_ratio_and_variance():
    random = np.random.default_rng(1)
    sources = random.integers(5, 200, 20_000)
    targets = np.maximum(1, np.rint(sources * 2.5 + random.normal(0, np.sqrt(9 * sources))))
    found = lengths.fit(np.stack([sources, targets], 1))
    assert found.ratio == pytest.approx(2.5, rel=0.02)
    deviations = found.deviations(np.stack([sources, targets], 1))
    assert np.median(deviations) == pytest.approx(0, abs=0.02) and deviations.std() == pytest.approx(1, abs=0.05)
