"""Lines and what became of them."""

from typing import NamedTuple

import numpy as np

from nmt.decoding.marks import Marks

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


class Translation(NamedTuple):
    """A line and what became of it."""

    source: str
    text: str
    """The first hypothesis, with the line's indentation."""
    hypotheses: list[TextHypothesis]
    """Best first; samples in the order drawn, unless something chooses among them."""
    source_tokens: list[str]
    """Pieces, end mark included."""
    parts: int
    """Parts that were translated one by one: 0 for an empty line, more than 1 if it was split (see splitting.py)."""
    attention: list[np.ndarray] | None
    """If asked for and the model has it: for each part [first hypothesis' tokens, source tokens]."""
    places: Places | None
    """With the attention: where the pieces are in the text."""
    tagged: bool = False
    """Whether each part begins with a tag, which is a piece as well."""
    inner: bool = False
    """Whether the line holds a sentence that is longer than the model takes, and was cut inside it."""
    marks: Marks = Marks()
    lost: tuple[str, ...] = ()
    """Protected spans of the source (see nmt.data.masking) that the first hypothesis lacks."""


class SplitCount(NamedTuple):
    """Lines that were translated in parts."""

    lines: int = 0
    """Lines that were split at sentence ends alone."""
    parts: int = 0
    """Parts of these lines."""
    inner: int = 0
    """Lines with a sentence that is longer than the model takes, and was cut inside."""

    def plus(self, translation: Translation) -> "SplitCount":
        """The count with one more line."""
        if translation.parts < 2:
            return self
        if translation.inner:
            return self._replace(inner=self.inner + 1)
        return self._replace(lines=self.lines + 1, parts=self.parts + translation.parts)

    def notes(self) -> list[str]:
        """A sentence for each kind of split lines, to be printed."""
        found = []
        if self.lines:
            were = "1 line was" if self.lines == 1 else f"{self.lines:,} lines were"
            found.append(f"{were} split into {self.parts:,} parts at sentence ends; --split never keeps lines whole")
        if self.inner:
            have = "1 line has" if self.inner == 1 else f"{self.inner:,} lines have"
            found.append(f"{have} a sentence longer than the model takes, which was cut inside it")
        return found


class Score(NamedTuple):
    """How probable a target is, given its source."""

    log_probability: float
    """log p(y|x), natural logarithm, end mark included; NaN when a side is longer than the model takes."""
    tokens: list[str]
    """Pieces, end mark included; none when the log-probability is NaN."""
    token_log_probabilities: list[float]
    """log p(y_t | y_<t, x) of each token."""
