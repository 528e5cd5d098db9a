"""Lines and what became of them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

Span = tuple[int, int]


class TextHypothesis(NamedTuple):
    """One translation of a line."""

    text: str
    score: float
    """log p(y|x) / n^alpha; by search.mbr the expected utility, by other models' help the weighted sum."""
    log_probability: float
    """log p(y|x), natural logarithm."""
    tokens: list[str]
    """Pieces, end mark included."""
    token_log_probabilities: list[float]
    """log p(y_t | y_<t, x) of each token; none where they were not asked for."""


class Places(NamedTuple):
    """The (begin, end) of the characters for which each piece stands, without end marks, for each part of a line.

    A tag stands empty before the pieces of its part."""

    source: list[list[Span]]
    target: list[list[Span]]
    """In the text of the first hypothesis."""


class Marks(NamedTuple):
    """What may be wrong with a translation, or with any of its parts."""

    looped: bool = False
    """It repeated a phrase that the source does not repeat (see loops.py), at least before a second search."""
    loops: bool = False
    """It still does."""
    at_limit: bool = False
    """It is as long as the search allows, so it was most likely cut off."""

    @classmethod
    def of(cls, parts: Iterable["Marks"]) -> "Marks":
        """The marks of a line from those of its parts."""
        return cls(*map(any, zip(*parts, strict=True)))


class Translation(NamedTuple):
    """A line and what became of it."""

    source: str
    text: str
    """Of the first hypothesis."""
    hypotheses: list[TextHypothesis]
    """Best first; samples in the order drawn, unless something chooses among them."""
    source_tokens: list[str]
    """Pieces, end mark included."""
    parts: int
    """0: an empty line, which no model saw. More than 1: too long for the model, so it was split."""
    attention: list[np.ndarray] | None
    """If asked for and the model has it: for each part [first hypothesis' tokens, source tokens]."""
    places: Places | None
    """With the attention: where the pieces are in the text."""
    tagged: bool = False
    """Whether each part begins with a tag, which is a piece as well."""
    marks: Marks = Marks()


class Score(NamedTuple):
    """How probable a target is, given its source."""

    log_probability: float
    """log p(y|x), natural logarithm, end mark included; NaN when a side is longer than the model takes."""
    tokens: list[str]
    """Pieces, end mark included; none when the log-probability is NaN."""
    token_log_probabilities: list[float]
    """log p(y_t | y_<t, x) of each token."""
