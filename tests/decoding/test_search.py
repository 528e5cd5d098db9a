"""Beam search against slow, obvious oracles, on a model whose probabilities are a table."""

import itertools
import math
from collections.abc import Callable, Iterable

import pytest
import torch
from toy_model import Toy, sources, token_log_probabilities

from nmt.config import SearchConfig
from nmt.decoding.hypothesis import PATIENCE, Hypothesis
from nmt.decoding.search import beam_search
from nmt.errors import NMTError
from nmt.ids import BOS, EOS, PAD, UNK


def scored(model, source, ids: list[int], alpha: float) -> Hypothesis:
    logs = token_log_probabilities(model, source, ids)
    return Hypothesis(ids, sum(logs) / len(logs) ** alpha, sum(logs), logs)


def score_in_search(model, source, ids: list[int], alpha: float, forbid: Callable[[list[int]], Iterable[int]]) -> float:
    """The score by which a search ranks: its pieces share the probability of those that `forbid` rules out."""
    begun = [ids[:end] for end in range(len(ids) + 1)]
    steps = [next_log_probabilities(model, source, each, forbid(each)) for each in begun]
    return sum(float(step[token]) for step, token in zip(steps, [*ids, EOS], strict=True)) / len(steps) ** alpha


@torch.no_grad()
def next_log_probabilities(model, source, ids: list[int], forbidden: Iterable[int] = ()) -> torch.Tensor:
    source = source[source != PAD][None]
    logits = model.project(model.forward(source, torch.tensor([[BOS, *ids]])).hidden)[0, -1]
    logits[list(forbidden)] = -torch.inf
    return logits.log_softmax(-1)


def slow_beam_search(model, source, beam: int, alpha: float, limit: int, fewest: int = 0) -> list[Hypothesis]:
    """One sentence, lists; whether the live ones could still overtake does not matter."""
    live, finished = [(0.0, [])], []

    def forbid(ids: list[int]) -> list[int]:
        return [EOS] if len(ids) < fewest else []

    while live:
        total, ids = live[0]
        best = max((score for score, _ in finished), default=-math.inf)
        ahead = ids and total / len(ids) ** alpha > best
        if len(finished) >= round(PATIENCE * beam) and not ahead:
            break
        candidates = []
        for total, ids in live:
            logs = next_log_probabilities(model, source, ids, forbid(ids))
            allowed = [EOS] if len(ids) == limit else range(UNK if len(ids) < fewest else EOS, len(logs))
            candidates += [(total + float(logs[token]), ids, token) for token in allowed]
        candidates.sort(key=lambda candidate: -candidate[0])
        finished += [(total / (len(ids) + 1) ** alpha, ids) for total, ids, token in candidates[:beam] if token == EOS]
        live = [(total, [*ids, token]) for total, ids, token in candidates if token != EOS][:beam]
    return [scored(model, source, ids, alpha) for _, ids in sorted(finished, reverse=True)]


def assert_same(found: list[Hypothesis], expected: list[Hypothesis]) -> None:
    assert [each.ids for each in found] == [each.ids for each in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-4)
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-4)
        assert one.token_log_probabilities == pytest.approx(other.token_log_probabilities, abs=1e-4)


def test_beam_1_is_greedy_search_without_a_cache():
    model, src = Toy(9), sources(20)
    found = beam_search(model, src, SearchConfig(beam=1, max_length=9))
    lengths = set()
    for source, (hypothesis,) in zip(src, found, strict=True):
        ids: list[int] = []
        while len(ids) < 9:
            token = int(next_log_probabilities(model, source, ids)[EOS:].argmax()) + EOS
            if token == EOS:
                break
            ids.append(token)
        assert_same([hypothesis], [scored(model, source, ids, 1.0)])
        lengths.add(len(ids))
    assert len(lengths) > 1


@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("n_best", [1, 5, 40])
def test_a_beam_as_large_as_the_space_is_brute_force(alpha, n_best):
    model, src, longest = Toy(6, seed=5), sources(8), 3
    everything = [list(ids) for n in range(longest + 1) for ids in itertools.product([3, 4, 5], repeat=n)]
    assert len(everything) == 40
    search = SearchConfig(beam=40, n_best=n_best, max_length=longest, length_penalty=alpha)
    for source, found in zip(src, beam_search(model, src, search), strict=True):
        expected = sorted((scored(model, source, ids, alpha) for ids in everything), key=lambda each: -each.score)
        assert_same(found, expected[:n_best])


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(4, 60))])
@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("n_best", [1, 2])
def test_ending_before_enough_have_ended_changes_nothing(seed, alpha, n_best):
    model, src = Toy(8, seed=seed, sharpness=3.0), sources(6, seed=seed)
    search = SearchConfig(beam=4, n_best=n_best, max_length=10, min_length=1, length_penalty=alpha)
    for source, found in zip(src, beam_search(model, src, search), strict=True):
        assert_same(found, slow_beam_search(model, source, 4, alpha, 10, fewest=1)[:n_best])


def test_finished_sentences_leave_the_batch_in_groups():
    class Counting(Toy):
        rows = steps = 0

        def step(self, token, encoded, state):
            assert token.shape in ((len(encoded.code), 1), (len(encoded.code), 3))
            self.rows += token.numel()
            self.steps += 1
            return super().step(token, encoded, state)

    model, src = Counting(8), sources(30)
    alone = 0
    for source in src:
        model.rows = 0
        beam_search(model, source[None], SearchConfig(beam=3, max_length=12))
        alone += model.rows
    model.rows = model.steps = 0
    beam_search(model, src, SearchConfig(beam=3, max_length=12))
    assert alone <= model.rows < alone + 30 * model.steps  # up to 9 sentences of 3 hypotheses wait for others
    assert model.rows < 0.8 * 90 * model.steps


def test_a_sentence_alone_is_the_sentence_in_a_batch():
    model, src = Toy(9), sources(25)
    search = SearchConfig(beam=4, n_best=3)
    together = beam_search(model, src, search)
    for source, found in zip(src, together, strict=True):
        (alone,) = beam_search(model, source[source != PAD][None], search)
        assert_same(found, alone)


def test_n_best_is_ordered_distinct_and_begins_like_a_shorter_list():
    model, src = Toy(9), sources(10)
    several = beam_search(model, src, SearchConfig(beam=6, n_best=6))
    for found, best in zip(several, beam_search(model, src, SearchConfig(beam=6)), strict=True):
        assert len(found) == 6
        assert len({tuple(each.ids) for each in found}) == 6
        assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
        assert_same(found[:1], best)


def test_lengths_stay_within_their_limits():
    model, src = Toy(9, max_length=12), sources(20)

    def lengths(**settings) -> list[int]:
        search = SearchConfig(beam=3, n_best=3, **settings)
        return [len(each.ids) for found in beam_search(model, src, search) for each in found]

    assert min(lengths(max_length=3)) < 3 and max(lengths(max_length=3)) == 3
    assert min(lengths()) < 5 and min(lengths(min_length=5)) == 5
    assert set(lengths(min_length=4, max_length=4)) == {4}
    assert set(lengths(min_length=40)) == {11}  # the model takes 12 with the end mark
    pieces = [int((source > EOS).sum()) for source in src for _ in range(3)]
    by_source = lengths(max_length_factor=0.5, max_length_extra=1, min_length=2)
    allowed = [max(2, math.floor(0.5 * each) + 1) for each in pieces]
    assert all(length <= most for length, most in zip(by_source, allowed, strict=True))
    assert any(length == most > 2 for length, most in zip(by_source, allowed, strict=True))


def test_padding_and_begin_are_never_produced_even_if_likely():
    model = Toy(9)
    model.table.data[:, [PAD, BOS]] += 8
    for found in beam_search(model, sources(10), SearchConfig(beam=4, n_best=4)):
        for each in found:
            assert not {PAD, BOS, EOS} & set(each.ids)
            assert each.log_probability < -3 * (len(each.ids) + 1)  # the model's own, not a share of the rest


def test_only_as_many_hypotheses_as_there_are():
    (found,) = beam_search(Toy(4), sources(1), SearchConfig(beam=10, n_best=10, max_length=2))
    assert sorted(each.ids for each in found) == [[], [UNK], [UNK, UNK]]


def test_a_diverged_model_is_a_fault_and_not_a_crash():
    model = Toy(9)
    model.table.data[:] = math.nan
    with pytest.raises(NMTError, match="not numbers"):
        beam_search(model, sources(2), SearchConfig(beam=2))
