"""Draws come as often as the model says, within top_k and top_p, and depend on their own seed alone."""

from collections import Counter

import numpy as np
import pytest
import torch
from toy_model import REAL, Toy, real_model, sources, token_log_probabilities

from nmt.config import SearchConfig
from nmt.decoding.sampling import choose, draw
from nmt.errors import NMTError
from nmt.ids import BOS, EOS, PAD


def config(**settings) -> SearchConfig:
    return SearchConfig(sample=True, **settings)


def frequencies(logits: torch.Tensor, draws: int = 20_000, **settings) -> np.ndarray:
    uniform = torch.from_numpy(np.random.default_rng(4).random(draws))
    column = choose(logits.expand(draws, -1), uniform, config(**settings))
    return np.bincount(column.numpy(), minlength=len(logits)) / draws


def test_pieces_come_as_often_as_the_model_says():
    logits = torch.tensor([1.0, -1.0, 0.5, 2.0, -3.0])
    for temperature in (0.5, 1.0, 3.0):
        expected = (logits / temperature).softmax(0).numpy()
        deviation = np.sqrt(expected * (1 - expected) / 20_000)
        assert (abs(frequencies(logits, temperature=temperature) - expected) < 4 * deviation).all()


def test_top_k_and_top_p_leave_the_likeliest_alone():
    probability = torch.tensor([0.1, 0.4, 0.05, 0.3, 0.15])
    assert frequencies(probability.log(), top_k=2) == pytest.approx([0, 4 / 7, 0, 3 / 7, 0], abs=0.02)
    assert frequencies(probability.log(), top_p=0.75) == pytest.approx([0, 8 / 17, 0, 6 / 17, 3 / 17], abs=0.02)
    assert frequencies(probability.log(), top_p=0.75, top_k=3) == pytest.approx([0, 4 / 7, 0, 3 / 7, 0], abs=0.02)
    assert frequencies(probability.log(), top_p=0.01)[1] == 1
    assert frequencies(probability.log(), top_k=99, top_p=1.0) == pytest.approx(probability.tolist(), abs=0.02)


def test_the_largest_number_finds_a_column_that_may_be_drawn():
    almost_one = torch.tensor([1 - 2.0**-24], dtype=torch.float64)
    logits = torch.tensor([[0.0, 0.0, -torch.inf, -torch.inf]])
    assert choose(logits, almost_one, config()).item() == 1
    assert choose(logits, torch.zeros(1, dtype=torch.float64), config()).item() == 0


def test_whole_sentences_come_as_often_as_the_model_says():
    model, src = Toy(5, sharpness=1.0), sources(1)
    found = draw(model, src.repeat(4, 1), config(n_best=1000, max_length=2), [0, 1, 2, 3])
    counts = Counter(tuple(each.ids) for samples in found for each in samples)
    assert len(counts) == 7  # (), two of one piece, four of two
    for ids, count in counts.items():
        probability = _probability(model, src, ids, forced=len(ids) == 2)
        assert abs(count / 4000 - probability) < 4 * np.sqrt(probability * (1 - probability) / 4000)


@torch.no_grad()
def _probability(model, src, ids: tuple[int, ...], *, forced: bool) -> float:
    """Without PAD and BOS, and with the end mark certain where it is forced."""
    logits = model.project(model.forward(src, torch.tensor([[BOS, *ids]])).hidden)[0, :, EOS:].softmax(-1)
    steps = [float(row[token - EOS]) for row, token in zip(logits, [*ids, EOS], strict=True)]
    return float(np.prod(steps[:-1] if forced else steps))


@pytest.mark.parametrize("name", ["toy", *REAL])
def test_a_sentence_depends_on_its_seed_alone(name):
    model = Toy(9) if name == "toy" else real_model(name)
    src, search = sources(12), config(n_best=3, seed=7, temperature=0.8, top_k=5, top_p=0.95)
    together = draw(model, src, search, range(12))
    for seed, (source, found) in enumerate(zip(src, together, strict=True)):
        ((*alone,),) = draw(model, source[source != PAD][None], search, [seed])
        assert [each.ids for each in alone] == [each.ids for each in found]
        for each in found:
            logs = token_log_probabilities(model, source, each.ids)  # the model's own, before temperature and top_k
            assert each.token_log_probabilities == pytest.approx(logs, abs=1e-4)
            assert each.log_probability == pytest.approx(sum(logs), abs=1e-3)
            assert each.score == pytest.approx(sum(logs) / len(logs), abs=1e-4)
            assert not {PAD, BOS, EOS} & set(each.ids)


def test_seeds_decide():
    model, src = Toy(9), sources(1, seed=8).expand(6, -1)

    def ids(seeds, **settings) -> list[list[list[int]]]:
        return [[each.ids for each in found] for found in draw(model, src, config(**settings), seeds)]

    assert ids(range(6), n_best=2) == ids(range(6), n_best=2)
    assert ids(range(6), n_best=2) != ids(range(6), n_best=2, seed=2)
    assert len({str(each) for each in ids(range(6), n_best=4)}) == 6
    assert len({str(each) for each in ids([5] * 6, n_best=4)}) == 1
    assert [each[:1] for each in ids(range(6), n_best=3)] == ids(range(6), n_best=1)


def test_lengths_stay_within_their_limits():
    model, src = Toy(9), sources(10)
    found = [each for row in draw(model, src, config(n_best=9, min_length=2, max_length=4), range(10)) for each in row]
    assert {len(each.ids) for each in found} == {2, 3, 4}


def test_a_diverged_model_is_a_fault_and_not_a_crash():
    model = Toy(9)
    model.table.data[:] = torch.nan
    with pytest.raises(NMTError, match="not numbers"):
        draw(model, sources(2), config(top_k=3), [1, 2])
