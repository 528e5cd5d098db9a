"""Cleaning a parallel text for good: all filters of training, near-duplicates, languages, and a score for each pair."""

import math
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import compress
from typing import NamedTuple

import numpy as np

from nmt.config import CleaningConfig, ParallelText
from nmt.data import selection as select
from nmt.data.cleaning import Verdict
from nmt.data.languages import code_of, identifier
from nmt.data.model1 import SAMPLE_LINKS, LexicalScore
from nmt.data.selection import Selection
from nmt.data.splits import Tell, telling
from nmt.data.text import read_pairs
from nmt.errors import DataError

Pair = tuple[str, str]
Scorer = Callable[[Iterable[Pair]], Iterator[float]]

_SEED = 1
_CHARACTERS_A_LINK = 25  # of source times target: words of five letters on both sides


class Options(NamedTuple):
    """Filters that `nmt clean` has besides those of training."""

    min_score: float | None = 0.0
    """Drop pairs with a lower score."""
    drop: float | None = None
    """Share of the scored pairs to drop instead, those with the lowest scores."""
    languages: tuple[str, str] | None = None
    """Drop pairs with a side that is surely in another language."""
    near_duplicates: bool = True
    """Drop pairs whose letters occurred before."""


class Cleaned(NamedTuple):
    """The verdict and the score of N pairs."""

    selection: Selection
    scores: np.ndarray
    """[N] float32; NaN for pairs that were dropped before, and pairs without a word that another pair has."""
    threshold: float
    """Pairs with a lower score were dropped."""
    notes: tuple[str, ...]


def clean(
    text: ParallelText, config: CleaningConfig, options: Options, tell: Tell, *, scorer: Scorer | None = None
) -> Cleaned:
    """Judge each pair of a text. Scores come from `scorer`, or without one from IBM Model 1 trained on the text itself.

    Raises DataError for text that cannot be used.
    """
    notes: list[str] = []

    def pairs(stage: str) -> Iterator[Pair]:
        (found,) = telling([read_pairs(text, lenient=True)], stage, tell)
        return found

    (first,) = telling([read_pairs(text, note=notes.append, lenient=True)], "cleaning", tell)
    selection = select.examine([first], config)
    if not len(selection.verdicts):
        raise DataError("the text has no lines", hint="the files that were named are empty")
    if options.near_duplicates or options.languages:
        _drop_by_text(selection, pairs("comparing"), options)
    scores = np.full(len(selection.verdicts), np.nan, np.float32)
    kept = selection.kept
    found = _lexical(selection, pairs) if scorer is None else scorer(compress(pairs("scoring"), kept))
    scores[kept] = np.fromiter(found, np.float32, int(kept.sum()))
    threshold = _threshold(scores[kept], options)
    selection.verdicts[kept & (scores < threshold)] = Verdict.LOW_SCORE
    return Cleaned(selection, scores, threshold, tuple(notes))


def _lexical(selection: Selection, pairs: Callable[[str], Iterator[Pair]]) -> Iterator[float]:
    kept = selection.kept
    sizes = selection.lengths[kept].astype(np.float64)
    links = max(float(sizes.prod(1).mean()) / _CHARACTERS_A_LINK, 1) if len(sizes) else 1
    sample = select.sample(selection, int(SAMPLE_LINKS / links), characters=1 << 62, seed=_SEED)
    model = LexicalScore(compress(pairs("learning which words translate each other"), sample))
    learned = np.cumsum(sample) <= model.learned
    return model.scores(zip(compress(pairs("scoring"), kept), (sample & learned)[kept].tolist(), strict=True))


def _threshold(scores: np.ndarray, options: Options) -> float:
    known = np.sort(scores[~np.isnan(scores)])
    if options.drop is not None:
        number = math.floor(options.drop * len(known))
        return float(known[number]) if number < len(known) else math.inf
    return -math.inf if options.min_score is None else options.min_score


def _drop_by_text(selection: Selection, pairs: Iterable[Pair], options: Options) -> None:
    """Drop kept pairs whose letters were seen before, or that are in another language."""
    identify = identifier(needed=True) if options.languages else None
    expected = tuple(map(code_of, options.languages or ()))
    rows, keys = array("Q"), array("Q")
    for row, pair in enumerate(pairs):
        if selection.verdicts[row] != Verdict.KEPT:
            continue
        if identify and any(identify(line) not in (None, code) for line, code in zip(pair, expected, strict=True)):
            selection.verdicts[row] = Verdict.LANGUAGE
        elif options.near_duplicates:
            rows.append(row)
            keys.append(select.hash_of("\n".join(letters_of(line) or line for line in pair)))
    _, first = np.unique(np.frombuffer(keys, np.uint64), return_index=True)
    repeated = np.delete(np.frombuffer(rows, np.uint64), first)
    selection.verdicts[repeated] = Verdict.NEAR_DUPLICATE


def letters_of(line: str) -> str:
    """The letters of a line with their marks, in one case: what stays without punctuation, digits and blanks."""
    return "".join(filter(_is_letter, line.casefold()))


@lru_cache(maxsize=1 << 16)
def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"
