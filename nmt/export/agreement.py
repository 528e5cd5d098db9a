"""Whether two engines agree on one model: the same lines translated by both."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nmt.config.search import BEST_ALONE
from nmt.decoding.translator import Translator


class Agreement(NamedTuple):
    """What the original and its export make of the same lines."""

    lines: int
    greedy: int
    """Lines of which greedy search makes the same in both: what differs is the arithmetic alone."""
    beam: int
    """Lines of which the search of the config does."""
    score_difference: float
    """The largest between both engines' log-probabilities of one translation, a token."""


def agreement(ours: Translator, other: Translator, lines: Sequence[str]) -> Agreement:
    """Both translate the lines, and score the first's greedy translations."""
    greedy, its_greedy = (
        each.translate(lines, **BEST_ALONE, beam=1, repetition_guard=False) for each in (ours, other)
    )
    searched, its_searched = (each.translate(lines, **BEST_ALONE) for each in (ours, other))
    pairs = list(zip(lines, greedy, strict=True))
    scores = zip(ours.score(pairs), other.score(pairs), strict=True)
    differences = [
        abs(mine.log_probability - its.log_probability) / len(mine.tokens) for mine, its in scores if mine.tokens
    ]
    same = _same(greedy, its_greedy), _same(searched, its_searched)
    return Agreement(len(lines), *same, float(np.max(differences, initial=0.0)))  # not a number: neither is this


def _same(some: Sequence[str], others: Sequence[str]) -> int:
    return sum(one == other for one, other in zip(some, others, strict=True))
