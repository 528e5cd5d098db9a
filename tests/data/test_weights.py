"""How often a pass sees the pairs of weighted texts: exactly as often as it should, drawn by seed and epoch alone."""

from collections import Counter

import numpy as np
import pytest

from nmt.data.batching import updates
from nmt.data.corpus import Corpus, Part, ragged
from nmt.ids import EOS, PAD


def corpus(*parts: Part) -> Corpus:
    """Pair n is the one id 100 + n on both sides."""
    rows = ragged([[100 + number] for number in range(sum(part.pairs for part in parts))], np.uint16)
    return Corpus([rows, rows], parts=parts)


def seen(text: Corpus, *, seed=1, epoch=1, **others) -> list[int]:
    """The rows of a pass, in its order."""
    settings = {"batch_tokens": 16, "accumulate": 1, "pool": 30, "seed": seed, "epoch": epoch, **others}
    ids = (each for update in updates(text, **settings) for batch in update for each in batch.src.flatten().tolist())
    return [each - 100 for each in ids if each not in (EOS, PAD)]


def often(text: Corpus, **others) -> list[list[int]]:
    """How often each pair of each part is seen."""
    counts = Counter(seen(text, **others))
    ends = np.cumsum([part.pairs for part in text.parts])
    return [[counts[row] for row in range(end - part.pairs, end)] for part, end in zip(text.parts, ends, strict=True)]


def test_without_weights_a_pass_is_what_it_was():
    order = np.random.default_rng((1, 2)).permutation(70)
    random = np.random.default_rng((1, 2))
    assert (random.permutation(corpus(Part(30), Part(40)).rows_of_pass(random)) == order).all()
    assert seen(corpus(Part(30), Part(40))) == seen(corpus(Part(70)))


@pytest.mark.parametrize(
    ("weight", "least", "extra"),
    [(1, 1, 0), (2, 2, 0), (3.0, 3, 0), (0.5, 0, 20), (1.5, 1, 20), (2.25, 2, 10), (0.01, 0, 1)],
)
def test_pairs_are_seen_as_often_as_their_weight_says(weight, least, extra):
    for epoch in range(3):
        plain, weighted = often(corpus(Part(10), Part(40, weight)), epoch=epoch)
        assert plain == [1] * 10
        assert sorted(weighted) == [least] * (40 - extra) + [least + 1] * extra


def test_each_pass_draws_anew_by_seed_and_epoch_alone():
    text = corpus(Part(50, 0.5), Part(20, 1.3))
    assert seen(text) == seen(text)
    assert sorted(seen(text)) != sorted(seen(text, epoch=2)) and sorted(seen(text)) != sorted(seen(text, seed=2))
    half = Counter(row for epoch in range(400) for row in seen(text, epoch=epoch) if row < 50)
    assert len(half) == 50 and min(half.values()) > 150 and max(half.values()) < 250  # 200 in the mean, deviation 10


def test_a_part_is_never_left_out_and_none_of_its_pairs_is_seen_twice_in_a_share():
    tiny = corpus(Part(3, 0.1), Part(1, 0.001), Part(5))
    for epoch in range(5):
        first, second, third = often(tiny, epoch=epoch)
        assert sum(first) == sum(second) == 1 and third == [1] * 5


@pytest.mark.parametrize("skip", [0, 1, 4, 999])
def test_skipping_leaves_out_whole_updates(skip):
    text = corpus(Part(50, 0.5), Part(20, 2.5))
    whole = list(updates(text, batch_tokens=16, accumulate=2, pool=30, seed=1, epoch=3))
    rest = list(updates(text, batch_tokens=16, accumulate=2, pool=30, seed=1, epoch=3, skip=skip))
    assert [[batch.src.tolist() for batch in each] for each in rest] == [
        [batch.src.tolist() for batch in each] for each in whole[skip:]
    ]


def test_target_tokens_of_a_pass():
    text = corpus(Part(50, 0.5), Part(20, 2.5))  # a piece and an end mark each
    assert text.target_tokens_of_pass() == 2 * (25 + 50)
    assert corpus(Part(7)).target_tokens_of_pass() == 14
