"""Minimum Bayes risk: of the candidates for a translation, the one that is most like all of them.

    y* = argmax_h sum_y w(y) u(h, y)        h and y are candidates, u(h, y) how good h is if y is right

(Kumar and Byrne 2004). Samples count alike, so that the sum estimates the expected utility under the model without bias
(Eikema and Aziz 2020, 2022); of an n-best list w(y) = p(y|x), made to sum to 1. Equal texts are one candidate with the
weight of all.

u is sacreBLEU's chrF2, or its sentence BLEU (words as 13a cuts them, effective order, exponential smoothing). A
candidate's n-grams are counted once. min(a, b) is the number of c >= 1 with c <= a and c <= b: with a column for each
c-th occurrence of an n-gram, what any two candidates share is one product of a matrix of zeros and ones with its
transpose.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from nmt.decoding.hypothesis import Hypothesis

# n candidates, N orders of n-grams, G places of n-grams in all candidates, F features

Utility = Literal["chrf", "bleu"]

CHARACTER_ORDER, WORD_ORDER, BETA = 6, 4, 2
"""sacreBLEU's defaults."""
_BLOCK = 1 << 24
"""Cells of the matrix that exist at once."""


class Shared(NamedTuple):
    """Of n candidates: how many n-grams each has, and shares with each other."""

    counts: np.ndarray  # [N, n]
    matches: np.ndarray  # [N, n, n]


def choose(
    hypotheses: Sequence[Hypothesis], texts: Sequence[str], *, utility: Utility, sampled: bool
) -> list[Hypothesis]:
    """The hypotheses with different texts, by falling expected utility (0 to 100), which becomes their score."""
    places: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        places.setdefault(text, []).append(place)
    log_probability = np.array([each.log_probability for each in hypotheses])
    weights = np.ones(len(texts)) if sampled else np.exp(log_probability - log_probability.max())
    weights = np.array([weights[same].sum() for same in places.values()]) / weights.sum()
    expected = (utilities(list(places), utility) * weights).sum(1)
    first = [same[0] for same in places.values()]
    order = np.argsort(-expected, kind="stable")
    return [hypotheses[first[place]]._replace(score=float(expected[place])) for place in order]


def utilities(texts: Sequence[str], utility: Utility) -> np.ndarray:
    """u(h, y) in per cent for each pair of texts, [h, y]."""
    if utility == "chrf":
        return _chrf(shared(["".join(text.split()) for text in texts], CHARACTER_ORDER))
    words = _words()
    return _bleu(shared([words(text.rstrip()).split() for text in texts], WORD_ORDER))


def _words() -> Callable[[str], str]:
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a  # only where it is used: its import takes a while

    return Tokenizer13a()


def _chrf(shared: Shared) -> np.ndarray:
    """F = (1 + b^2) P R / (b^2 P + R); precision P and recall R are means over the orders that both texts have."""
    counts, matches = shared
    both = (counts[:, :, None] > 0) & (counts[:, None, :] > 0)
    orders = np.maximum(both.sum(0), 1)
    least_one = np.maximum(counts, 1)
    precision = (matches / least_one[:, :, None]).sum(0) / orders
    recall = (matches / least_one[:, None, :]).sum(0) / orders
    factor = BETA**2
    return 100 * (1 + factor) * precision * recall / np.where(precision + recall, factor * precision + recall, 1)


def _bleu(shared: Shared) -> np.ndarray:
    """BP exp(mean_n log p_n), the mean over the orders that the hypothesis has; BP = min(1, exp(1 - |y| / |h|)). Where
    no n-gram matches, half of one does, a quarter at the next such order and so on."""
    counts, matches = shared
    totals = np.broadcast_to(counts[:, :, None], matches.shape)
    none = (matches == 0) & (totals > 0)
    smoothed = np.where(none, 0.5 ** none.cumsum(0), matches)
    logs = np.log(smoothed / np.maximum(totals, 1), out=np.zeros(matches.shape), where=totals > 0)
    mean = logs.sum(0) / np.maximum((totals > 0).sum(0), 1)
    brevity = np.minimum(0, 1 - counts[0][None, :] / np.maximum(counts[0], 1)[:, None])
    return np.where(matches.any(0), 100 * np.exp(mean + brevity), 0.0)


def shared(rows: Sequence[Sequence[Hashable]], orders: int) -> Shared:
    """The n-grams up to an order of n rows, of characters or words, and what each two rows share of them."""
    ids: dict[Hashable, int] = {}
    symbols = np.array([ids.setdefault(symbol, len(ids)) for row in rows for symbol in row], np.int64)
    lengths = np.array([len(row) for row in rows])
    owner = np.repeat(np.arange(len(rows)), lengths)
    left = np.repeat(lengths.cumsum(), lengths) - np.arange(len(symbols))  # symbols of the row from this one on
    place, gram = np.arange(len(symbols)), np.zeros(len(symbols), np.int64)  # [G]
    counts, matches = [], []
    for order in range(1, orders + 1):
        long_enough = left[place] >= order
        place, gram = place[long_enough], gram[long_enough]
        gram = np.unique(gram * len(ids) + symbols[place + order - 1], return_inverse=True)[1]
        count = np.bincount(owner[place], minlength=len(rows))
        counts.append(count)
        matches.append(_matches(owner[place], gram, count))
    return Shared(np.array(counts), np.array(matches))


def _matches(owner: np.ndarray, gram: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """sum_g min(count of g in row i, in row j), [n, n], of n-grams [G] and the rows that they are in."""
    order = np.lexsort((owner, gram))
    owner, gram = owner[order], gram[order]
    begins = np.ones(len(gram), bool)  # the first occurrence of an n-gram in a row
    begins[1:] = (gram[1:] != gram[:-1]) | (owner[1:] != owner[:-1])
    index = np.arange(len(gram))
    occurrence = index - np.maximum.accumulate(np.where(begins, index, 0))
    feature = np.unique(gram * (len(gram) + 1) + occurrence, return_inverse=True)[1]
    several = np.bincount(feature)[feature] > 1  # of what one row has alone there is nothing to share
    found, feature = np.diag(counts).astype(np.float32), feature[several]
    owner, feature = owner[several], np.unique(feature, return_inverse=True)[1]
    features = int(feature.max(initial=-1)) + 1
    width = max(1, min(features, _BLOCK // len(counts)))
    shared = np.zeros_like(found)
    for begin in range(0, features, width):
        inside = (feature >= begin) & (feature < begin + width)
        has = np.zeros((len(counts), width), np.float32)
        has[owner[inside], feature[inside] - begin] = 1
        shared += has @ has.T
    return np.where(np.eye(len(counts), dtype=bool), found, shared).astype(np.int64)
