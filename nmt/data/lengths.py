"""Pairs whose sides have unusual lengths, by the text's own length ratio (Gale and Church 1993).

A target of b characters has grown from a source of a characters at a rate c per character, each with some variance.
Both lengths are first brought to one unit, x = a sqrt(c) and y = b / sqrt(c), so that exchanging the sides changes
nothing. Then

    delta = (y - x) / sqrt(s2 (x + y) / 2)

has about a standard normal distribution for pairs that translate each other, whether they are short or long. Gale and
Church took c = 1 and s2 = 6.8 for all languages; here both are estimated from the text, by medians, which a minority of
wrong pairs cannot move: c is the median of b / a, and s2 comes from the median absolute deviation (MAD).
"""

from typing import NamedTuple

import numpy as np

FEWEST = 50
"""Pairs from which a ratio can be estimated; smaller texts have no uneven pairs."""

_MOST = 1_000_000  # pairs that the estimate is made from, evenly spaced
_SIGMA = 1.4826  # standard deviations of a normal distribution in a MAD
_LEAST_VARIANCE = 1.0  # of s2; real text has 0.5 to 3.2, but text made by rules may have none at all


class LengthModel(NamedTuple):
    """How the lengths of a text's two sides belong together."""

    ratio: float
    """c: characters of the target per character of the source."""
    variance: float
    """s2: variance per character, in the common unit of both sides."""

    def deviations(self, lengths: np.ndarray) -> np.ndarray:
        """[N, 2] lengths in characters -> [N] delta, in standard deviations; positive if the target is too long."""
        return _scaled(lengths, self.ratio) / self.variance**0.5


def fit(lengths: np.ndarray) -> LengthModel | None:
    """Estimate the model from [N, 2] lengths in characters, none of them 0; None for fewer than FEWEST pairs."""
    if len(lengths) < FEWEST:
        return None
    some = lengths[:: -(-len(lengths) // _MOST)]
    ratio = float(np.median(some[:, 1] / some[:, 0]))
    spread = _SIGMA * float(np.median(np.abs(_scaled(some, ratio))))
    return LengthModel(ratio, max(spread**2, _LEAST_VARIANCE))


def _scaled(lengths: np.ndarray, ratio: float) -> np.ndarray:
    """(y - x) / sqrt((x + y) / 2)."""
    source, target = lengths[:, 0] * ratio**0.5, lengths[:, 1] / ratio**0.5
    return (target - source) / np.sqrt((source + target) / 2)
