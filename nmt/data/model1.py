"""IBM Model 1 (Brown et al. 1993) as a score for sentence pairs, by the words that translate each other.

Each target word t is made by one of the m words s of the source, chosen with equal chance:

    p(t | source) = 1 / m  sum over s of  p(t | s)

Expectation maximisation learns p(t | s) from the text itself. The score of a pair is the mean over its words of

    log( ((1 - l) p(t | source) + l p(t)) / p(t) )

which measures how much better than chance, in nats, the other side predicts a word. It is taken in both directions. A
pair must not vouch for itself, so its own counts are subtracted before it is scored. Words that no other pair has are
left out.

Words are lower-cased, cut to a few letters, which spares a stemmer, and hashed, which spares a vocabulary.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple
from zlib import crc32

import numpy as np

SAMPLE_LINKS = 8_000_000
"""Links between words that are learned from at most; they need about 50 bytes each."""

_BUCKETS = 1 << 20  # hashes of words
_STEM, _MOST_WORDS = 6, 64  # letters of a word, words of a sentence
_ITERATIONS = 5
_CHANCE = 0.1  # l, the weight of p(t)
_SMOOTHING = 0.5  # counts that p(t) adds to those of p(t | s)
_CHUNK = 4096  # pairs scored at once
_WORDS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|[^\W_]+")

Pair = tuple[str, str]


def words(line: str) -> np.ndarray:
    """The distinct words of a line, hashed. Scripts without blanks between words count by character."""
    found = dict.fromkeys(word[:_STEM] for word in _WORDS.findall(line.lower()))
    return np.fromiter((crc32(word.encode()) % _BUCKETS for word in islice(found, _MOST_WORDS)), np.int64)


class _Links(NamedTuple):
    """All pairs of a source and a target word that stand in one sentence pair. L links between W target words."""

    keys: np.ndarray  # [L] source word * BUCKETS + target word
    target: np.ndarray  # [L] which of the W target words
    source: np.ndarray  # [L] which of the source words
    sources: np.ndarray  # hash of each source word
    targets: np.ndarray  # [W] hash of each target word
    rows: np.ndarray  # [W] the sentence pair of each target word
    sizes: np.ndarray  # [W] words in its source sentence


def _link(sources: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> _Links:
    empty = np.empty(0, np.int64)
    left, right = np.concatenate([empty, *sources]), np.concatenate([empty, *targets])
    counts = np.array([len(each) for each in sources], np.int64)
    rows = np.repeat(np.arange(len(targets)), [len(each) for each in targets])
    sizes = counts[rows] if len(rows) else empty
    target = np.repeat(np.arange(len(right)), sizes)
    first = (np.cumsum(counts) - counts)[rows] if len(rows) else empty
    place = np.arange(len(target)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    source = np.repeat(first, sizes) + place
    return _Links(left[source] * _BUCKETS + right[target], target, source, left, right, rows, sizes)


class Model1:
    """p(t | s) in one direction, as expected counts of links."""

    def __init__(self, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray]):
        links = _link(sources, targets)
        self.pairs = np.bincount(links.targets, minlength=_BUCKETS)
        """[BUCKETS] sentence pairs with each target word."""
        self.chance = self.pairs / max(len(links.targets), 1)
        self.keys, at = np.unique(links.keys, return_inverse=True)
        at = at.reshape(-1).astype(np.int32)
        source, noise = self.keys // _BUCKETS, self.chance[links.targets]
        probability = self.chance[self.keys % _BUCKETS]
        for _ in range(_ITERATIONS):
            likely = probability[at]
            likely /= (np.bincount(links.target, likely, len(noise)) + noise)[links.target]
            self.counts = np.bincount(at, likely, len(self.keys))
            self.totals = np.bincount(source, self.counts, _BUCKETS)
            probability = self.counts / np.maximum(self.totals[source], 1e-12)

    def score(self, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], own: np.ndarray) -> np.ndarray:
        """[N] mean gain per target word, NaN without any known word. `own` [N] marks pairs that were learned from."""
        links = _link(sources, targets)
        at = np.minimum(np.searchsorted(self.keys, links.keys), max(len(self.keys) - 1, 0))
        counts = np.where(self.keys[at] == links.keys, self.counts[at], 0.0) if len(self.keys) else np.zeros(len(at))
        totals, chance = self.totals[links.sources], self.chance[links.targets]
        mine = counts / np.maximum(totals[links.source], 1e-12)
        likely = np.bincount(links.target, mine, len(chance)) + chance
        mine *= (own[links.rows] / np.maximum(likely, 1e-12))[links.target]
        counts = np.maximum(counts - mine, 0)
        totals = np.maximum(totals - np.bincount(links.source, mine, len(totals)), 0)
        given = (counts + _SMOOTHING * chance[links.target]) / (totals[links.source] + _SMOOTHING)
        given = np.bincount(links.target, given, len(chance)) / np.maximum(links.sizes, 1)
        known = (self.pairs[links.targets] - own[links.rows] > 0) & (links.sizes > 0)
        gain = np.log((1 - _CHANCE) * given[known] / chance[known] + _CHANCE)
        number = np.bincount(links.rows[known], minlength=len(targets))
        with np.errstate(invalid="ignore"):
            return np.bincount(links.rows[known], gain, len(targets)) / number


class LexicalScore:
    """The mean of Model 1's scores in both directions, learned from some pairs of the text that it scores."""

    def __init__(self, pairs: Iterable[Pair]):
        sides: tuple[list, list] = ([], [])
        links = 0
        for pair in pairs:
            for side, line in zip(sides, pair, strict=True):
                side.append(words(line))
            links += len(sides[0][-1]) * len(sides[1][-1])
            if links > SAMPLE_LINKS:
                break
        self.forward, self.backward = Model1(*sides), Model1(*sides[::-1])
        self.learned = len(sides[0])
        """Pairs that it learned from: the first ones that were given."""

    def scores(self, pairs: Iterable[tuple[Pair, bool]]) -> Iterator[float]:
        """The score of each pair; each comes with whether it was learned from. NaN for pairs without known words."""
        pairs = iter(pairs)
        while chunk := list(islice(pairs, _CHUNK)):
            sides = [[words(pair[side]) for pair, _ in chunk] for side in (0, 1)]
            own = np.array([each for _, each in chunk], np.int64)
            both = np.stack([self.forward.score(*sides, own), self.backward.score(*sides[::-1], own)])
            known = ~np.isnan(both)
            with np.errstate(invalid="ignore"):
                yield from (np.where(known, both, 0).sum(0) / known.sum(0)).tolist()
