"""Other models have a say in which hypothesis is best.

    score(y) = log p(y|x) / |y|^a  +  sum_m w_m s_m(x, y)

    s_m(x, y) = log p_m(y|x) / |y|^a        another model of the same direction: one that writes from right to left
                                            (Liu 2016; Sennrich 2017), or any other, with whatever vocabulary
                log p_m(x|y) / |x|^a        a model of the reverse direction: the channel of Yee 2019, where a
                                            language model has a say too

|.| counts the pieces that a model predicts, end mark included, and a is the length penalty. What is compared are texts:
each model cuts them into pieces of its own.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from nmt.decoding.hypothesis import Hypothesis
from nmt.errors import ConfigError

if TYPE_CHECKING:
    from nmt.decoding.translator import Translator

MOST_WEIGHT = 1000.0
"""Beyond it the others have no say."""


class Reranker(NamedTuple):
    """A model and its say."""

    translator: "Translator"
    weight: float
    """w_m"""
    reverse: bool
    """Whether it translates the target into the source."""


class Candidates(NamedTuple):
    """A source and what a search found for it."""

    source: str
    hypotheses: list[Hypothesis]
    texts: list[str]
    """Of the hypotheses."""


def check_weight(name: str, weight: float) -> None:
    """Raises ConfigError for what cannot be a weight."""
    if not 0 <= weight <= MOST_WEIGHT:
        raise ConfigError(f"rerank: {name} with a weight of {weight:g}", hint=f"0 to {MOST_WEIGHT:g}; 1 is usual")


def is_reverse(languages: tuple[str, str], other: tuple[str, str], *, name: str) -> bool:
    """Whether a model translates back. Raises ConfigError where it translates anything else than (source, target)."""
    if other != languages and other != languages[::-1]:
        raise ConfigError(
            f"{name} translates {'-'.join(other)}, and the hypotheses are {'-'.join(languages)}",
            hint="rerank by models of the same direction, or of the reverse one",
        )
    return other != languages


def reranked(
    found: Sequence[Candidates], rerankers: Sequence[Reranker], *, length_penalty: float, tag: str | None = None
) -> list[list[Hypothesis]]:
    """The hypotheses of each source, the best by all models first. Those that read the source get its `tag`, where they
    know it.

    A model that cannot take one of a source's hypotheses, or the source, has no say about that source.
    """
    totals = [[each.score for each in candidates.hypotheses] for candidates in found]
    for reranker in rerankers:
        scores = iter(_scores(found, reranker, length_penalty, tag))
        for total in totals:
            own = [next(scores) for _ in total]
            if not any(map(math.isnan, own)):
                total[:] = [before + reranker.weight * each for before, each in zip(total, own, strict=True)]
    scored = (
        [each._replace(score=score) for each, score in zip(candidates.hypotheses, total, strict=True)]
        for candidates, total in zip(found, totals, strict=True)
    )
    return [sorted(hypotheses, key=lambda each: each.score, reverse=True) for hypotheses in scored]


def _scores(
    found: Sequence[Candidates], reranker: Reranker, length_penalty: float, tag: str | None
) -> list[float]:
    """s_m of each hypothesis of each source."""
    pairs = [(candidates.source, text) for candidates in found for text in candidates.texts]
    if reranker.reverse:
        pairs = [(text, source) for source, text in pairs]
    known = not reranker.reverse and tag in reranker.translator.tokenizers.source.tags
    scores = reranker.translator.scores(pairs, tag=tag if known else None)
    return [each.log_probability / max(1, len(each.tokens)) ** length_penalty for each in scores]
