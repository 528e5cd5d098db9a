"""Sizes for a corpus: more text gets more of everything, within bounds, for every family."""

from itertools import pairwise

import pytest

from nmt.data import sizes

AMOUNTS = (200, 900, 2_000, 5_000, 20_000, 50_000, 200_000, 700_000, 2_000_000, 10_000_000)

every_family = pytest.mark.parametrize("family", sizes.TABLE)


def fit(family, pairs, *, pieces=15.0, types=10**6):
    return sizes.fit(family, pairs=pairs, pieces=pieces, types=types)


@every_family
def test_more_text_gets_larger_models_and_batches_and_less_dropout(family):
    for less, more in pairwise(fit(family, pairs) for pairs in AMOUNTS):
        assert less.width <= more.width and less.layers <= more.layers and less.dropout >= more.dropout
        assert less.batch_tokens * less.accumulate <= more.batch_tokens * more.accumulate and less.lr >= more.lr
    vocabularies = [sizes.vocabulary(family, pairs) for pairs in AMOUNTS]
    assert vocabularies == sorted(vocabularies)


@every_family
@pytest.mark.parametrize("pairs", AMOUNTS)
@pytest.mark.parametrize("pieces", [3.0, 15.0, 60.0])
def test_sizes_stay_within_bounds(family, pairs, pieces):
    found = fit(family, pairs, pieces=pieces)
    assert 2_000 <= found.steps <= 100_000
    assert 512 <= found.batch_tokens <= 4096 and (pairs >= 100_000 or found.batch_tokens <= 1024)
    assert 64 <= found.width <= 1024 and found.width % 64 == 0 and 0.1 <= found.dropout <= 0.5
    updates = pairs * pieces / (found.batch_tokens * found.accumulate)
    assert found.passes == pytest.approx(found.steps / max(1, updates))


@every_family
@pytest.mark.parametrize("pairs", AMOUNTS)
def test_the_average_reaches_back_over_a_small_share_of_the_run(family, pairs):
    found = fit(family, pairs)
    assert 1 / (1 - found.ema_decay) == pytest.approx(sizes.MEMORY * found.steps, rel=0.2)


@every_family
def test_few_different_words_need_no_large_model(family):
    simple, rich = fit(family, 200_000, types=200), fit(family, 200_000, types=50_000)
    assert simple.width < rich.width
    assert simple._replace(width=0, layers=0) == rich._replace(width=0, layers=0)


@every_family
def test_smaller_models_go_down_to_the_smallest(family):
    found = [fit(family, 10**7)]
    while (next_one := sizes.smaller(family, found[-1])) is not None:
        found.append(next_one)
    assert [each.width for each in found] == sorted({row.width for row in sizes.TABLE[family]}, reverse=True)
    assert found[-1].layers == sizes.TABLE[family][0].layers


@pytest.mark.parametrize(("value", "told"), [(7.2, 7), (99, 99), (1234.5, 1200), (98_765, 99_000)])
def test_two_digits_are_enough(value, told):
    assert sizes.rounded(value) == told
