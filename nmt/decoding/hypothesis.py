"""What a search finds."""

from typing import NamedTuple


class Hypothesis(NamedTuple):
    """A translation in ids."""

    ids: list[int]
    """Without begin and end mark."""
    score: float
    """log p(y|x) / n^alpha."""
    log_probability: float
    """log p(y|x), natural logarithm, end mark included."""
    token_log_probabilities: list[float]
    """log p(y_t | y_<t, x) of each id and, last, of the end mark."""
