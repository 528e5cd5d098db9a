"""Repetition: what counts as a loop, n-grams that occur once, and the guard that searches again."""

import itertools
from functools import partial

import pytest
import torch
from test_search import assert_same, next_log_probabilities, score_in_search, scored
from toy_model import Toy, sources

from nmt.config import SearchConfig
from nmt.decoding.engine import Found
from nmt.decoding.guard import guarded
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.limits import most_pieces
from nmt.decoding.loops import loop, period
from nmt.decoding.ngrams import repeating
from nmt.decoding.sampling import draw
from nmt.decoding.search import beam_search
from nmt.decoding.torch_engine import TorchEngine
from nmt.ids import EOS, UNK


@pytest.mark.parametrize(
    ("source", "translation"),
    [
        ("A man.", "Ein Mann in einem Hemd in einem Hemd."),
        ("A man.", "Ein Mann, ein Mann, ein Mann, ein Mann"),
        ("The man", "Der der der Mann"),
        ("School", "Schulschulschulschulschul"),
        ("Ja, ja.", "yes, no, yes, no, yes, no, yes, no"),
        ("cat", "猫在桌子上猫在桌子上猫在桌子上"),
        ("man", "пёс и кот пёс и кот"),
        ("a", "हिन्दी में है हिन्दी में है"),
    ],
)
def test_loops(source, translation):
    assert loop(translation, source)


@pytest.mark.parametrize(
    ("source", "translation"),
    [
        ("hand in hand in a city", "Hand in Hand in einer Stadt"),
        ("really", "very, very, very good"),
        ("Herr Präsident", "Mr President, Mr President, ladies and gentlemen"),
        ("New York, New York, New York, New York", "New York, New York, New York, New York"),
        ("ja ja ja", "yes yes yes"),
        ("...", ". . . . . . . ."),
        ("1,000,000,000 people", "1.000.000.000 Menschen"),
        ("Mississippi", "Mississippi-Überschwemmungsgebiet"),
        ("慢慢", "慢慢来慢慢来"),
        ("", ""),
    ],
)
def test_legitimate_repetition_is_no_loop(source, translation):
    assert not loop(translation, source)


@pytest.mark.parametrize(
    ("ids", "n"),
    [([5, 6, 7, 5, 6, 7, 5, 6, 7, 9], 3), ([4, 4, 4, 4], 1), ([3, 5, 6, 7, 8, 6, 7, 9], 2), ([3, 4, 5], 0), ([], 0)],
)
def test_the_period_of_a_loop(ids, n):
    assert period(ids) == n


def test_many_equal_pieces_take_linear_time():
    assert period([7] * 50_000) == 1


def plainly_repeating(ids: list[int], n: int, vocabulary: int) -> set[int]:
    grams = {tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)}
    found = {token for token in range(UNK, vocabulary) if n and tuple([*ids, token][-n:]) in grams}
    return set() if len(found) == vocabulary - UNK else found


@pytest.mark.parametrize("n", range(5))
def test_pieces_that_would_repeat_an_n_gram(n):
    generator = torch.Generator().manual_seed(n)
    for length in (0, 1, 2, 5, 20):
        ids = torch.randint(UNK, 7, (30, length), generator=generator)
        marked = repeating(ids, n, 7)
        rows = torch.zeros(30, 7) if marked is None else marked
        found = [{token for token in range(UNK, 7) if row[token]} for row in rows]
        assert found == [plainly_repeating(row, n, 7) for row in ids.tolist()]


def has_repeated(ids: list[int], n: int) -> bool:
    grams = [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]
    return len(set(grams)) < len(grams)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_greedy_search_without_repeated_n_grams_is_the_plain_one(n):
    model, src = Toy(9, sharpness=3.0), sources(20)
    found = beam_search(model, src, SearchConfig(beam=1, max_length=12, no_repeat_ngram=n, min_length=5))

    def forbid(ids: list[int]) -> set[int]:
        return plainly_repeating(ids, n, 9) | ({EOS} if len(ids) < 5 else set())

    for source, (hypothesis,) in zip(src, found, strict=True):
        ids: list[int] = []
        while len(ids) < 12:
            token = int(next_log_probabilities(model, source, ids, forbid(ids))[EOS:].argmax()) + EOS
            if token == EOS:
                break
            ids.append(token)
        assert_same([hypothesis], [scored(model, source, ids, 1.0)])


def test_a_beam_as_large_as_the_space_is_brute_force_without_repeated_n_grams():
    model, src = Toy(6, seed=5), sources(3)
    everything = [list(ids) for n in range(5) for ids in itertools.product([3, 4, 5], repeat=n)]
    allowed = [ids for ids in everything if not has_repeated(ids, 2)]
    assert len(allowed) < len(everything)
    search = SearchConfig(beam=200, n_best=5, max_length=4, no_repeat_ngram=2)
    forbid = partial(plainly_repeating, n=2, vocabulary=6)
    for source, found in zip(src, beam_search(model, src, search), strict=True):
        best = sorted(allowed, key=lambda ids: -score_in_search(model, source, ids, 1.0, forbid))[:5]
        assert_same(found, [scored(model, source, ids, 1.0) for ids in best])


def test_samples_repeat_no_n_gram_and_keep_the_models_probabilities():
    model, src = Toy(12, sharpness=1.5), sources(10)
    search = SearchConfig(sample=True, n_best=5, max_length=12, no_repeat_ngram=2)
    free = draw(model, src, search.model_copy(update={"no_repeat_ngram": 0}), range(10))
    assert any(has_repeated(each.ids, 2) for found in free for each in found)
    for source, found in zip(src, draw(model, src, search, range(10)), strict=True):
        for each in found:
            assert not has_repeated(each.ids, 2)
            assert each.log_probability == pytest.approx(scored(model, source, each.ids, 1.0).log_probability, abs=1e-3)


def read(hypotheses: list[Hypothesis]) -> list[str]:
    return [" ".join(f"w{number}" for number in each.ids) for each in hypotheses]


def test_the_guard_mends_loops_and_nothing_else():
    """Each line's result is the one that it has alone."""
    engine, src = TorchEngine(Toy(8, sharpness=4.0, seed=2)), sources(16)
    ids = [[int(each) for each in row if each > EOS] for row in src]
    search = SearchConfig(beam=2, max_length=14, min_length=10)

    def guard(lines: list[list[int]], **changed):
        def find(numbers, search) -> list[Found]:
            return engine.search([lines[number] for number in numbers], search, attention=None, details=True)

        return guarded(find, [""] * len(lines), search.model_copy(update=changed), read)

    usual, mended = guard(ids, repetition_guard=False), guard(ids)
    assert mended.searched_again == usual.loop > mended.loop and not usual.searched_again
    texts, before = (read([each.hypotheses[0] for each in result.found]) for result in (mended, usual))
    for number, text in enumerate(texts):
        assert bool(loop(text)) == (number in mended.loop)
        assert (text != before[number]) == (number in mended.searched_again - mended.loop)
        assert read([guard([ids[number]]).found[0].hypotheses[0]]) == [text]
    assert not guard(ids, sample=True, temperature=0.01).searched_again


def test_the_length_limit_is_that_of_the_search():
    model = Toy(8, max_length=9, sharpness=3.0)
    search = SearchConfig(max_length_factor=0.5, max_length_extra=2, beam=30)
    several = search.model_copy(update={"n_best": 30})
    for length in range(1, 20):
        found = beam_search(model, torch.tensor([[3] * length + [EOS]]), several)[0]
        assert max(len(each.ids) for each in found) <= most_pieces(length, search, 9) <= 8
