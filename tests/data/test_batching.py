"""Batches hold every pair once, keep to the budget, waste little, and come in an order that (seed, epoch) decides."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from nmt.data.batching import batches, pad, plan, updates
from nmt.data.corpus import Corpus, ragged
from nmt.ids import BOS, EOS, PAD


def corpus(count=500, longest=30, seed=1):
    chance = np.random.default_rng(seed)
    lengths = chance.integers(0, longest, (2, count))
    return Corpus([ragged([chance.integers(4, 1000, each).tolist() for each in side], np.uint16) for side in lengths])


def settings(**others):
    return {"batch_tokens": 200, "accumulate": 1, "pool": 128, "seed": 1, "epoch": 1, **others}


def sentences(tensor):
    """Rows without padding."""
    return [tuple(row[row != PAD].tolist()) for row in tensor]


def pairs_in(update):
    return [pair for batch in update for pair in zip(sentences(batch.src), sentences(batch.tgt_out), strict=True)]


def all_pairs(text):
    return sorted(
        ((*text.source(row).tolist(), EOS), (*text.target(row).tolist(), EOS)) for row in range(len(text))
    )


@pytest.mark.parametrize("budget", [1, 31, 200, 10**6])
def test_a_plan_holds_every_row_once_within_the_budget(budget):
    lengths = corpus().lengths
    planned = plan(lengths, batch_tokens=budget)
    assert sorted(np.concatenate(planned).tolist()) == list(range(len(lengths)))
    for rows in planned:
        assert len(rows) == 1 or len(rows) * (lengths[rows].max() + 1) <= budget
    for rows, following in pairwise(planned):  # no batch is cut before it is full
        together = np.append(rows, following[0])
        assert len(together) * (lengths[together].max() + 1) > budget


def test_a_plan_of_nothing():
    assert plan(np.zeros((0, 2), np.int32), batch_tokens=100) == []


def test_little_is_wasted_on_padding():
    text = corpus(4000)
    together = list(batches(text, batch_tokens=1000))
    real = sum(int((side != PAD).sum()) for batch in together for side in (batch.src, batch.tgt_in))
    cells = sum(side.numel() for batch in together for side in (batch.src, batch.tgt_in))
    # Hard, as the two sides of these pairs have nothing to do with each other: sorted by the longer side alone, 0.75.
    assert real / cells > 0.85


def test_a_batch_is_what_the_slow_way_makes():
    text = corpus(50)
    for batch, rows in zip(batches(text, batch_tokens=200), plan(text.lengths, batch_tokens=200), strict=True):
        sources = [text.source(row).tolist() for row in rows]
        targets = [text.target(row).tolist() for row in rows]
        assert torch.equal(batch.src, pad([[*ids, EOS] for ids in sources]))
        assert torch.equal(batch.tgt_in, pad([[BOS, *ids] for ids in targets]))
        assert torch.equal(batch.tgt_out, pad([[*ids, EOS] for ids in targets]))
        assert all(side.dtype == torch.int64 for side in batch)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_an_epoch_is_every_pair_once(accumulate):
    text = corpus()
    epoch = list(updates(text, **settings(accumulate=accumulate)))
    assert sorted(pair for update in epoch for pair in pairs_in(update)) == all_pairs(text)
    assert {len(update) for update in epoch[:-1]} == {accumulate}


def test_the_order_is_a_function_of_seed_and_epoch():
    text = corpus()

    def order(**others):
        return [pairs_in(update) for update in updates(text, **settings(**others))]

    assert order() == order()
    assert order() != order(seed=2)
    assert order() != order(epoch=2)
    assert order(seed=2, epoch=1) != order(seed=1, epoch=2)


def test_pools_are_of_like_size_and_their_batches_shuffled():
    text = corpus(130, longest=20)
    widths = [update[0].src.shape[1] for update in updates(text, **settings(pool=128, batch_tokens=60))]
    assert widths != sorted(widths)
    first = [pair for update in updates(text, **settings(pool=128, batch_tokens=1300)) for pair in pairs_in(update)]
    assert sorted(first) == all_pairs(text)  # two pools of 65, not one of 128 and one of 2
    assert len(list(updates(text, **settings(pool=128, batch_tokens=65 * 20)))) == 2


@pytest.mark.parametrize("accumulate", [1, 4])
@pytest.mark.parametrize("skip", [0, 1, 7, 10_000])
def test_skipping_leaves_out_whole_updates(accumulate, skip):
    text = corpus()
    whole = [pairs_in(update) for update in updates(text, **settings(accumulate=accumulate))]
    assert [pairs_in(update) for update in updates(text, **settings(accumulate=accumulate, skip=skip))] == whole[skip:]


def test_padding():
    assert pad([[5, 6], [], [7]]).tolist() == [[5, 6], [PAD, PAD], [7, PAD]]
    assert pad([]).shape == (0, 0)
    assert pad([np.array([5, 6], np.uint16)]).dtype == torch.int64
