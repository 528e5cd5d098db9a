"""What the scores of a whole test set hide: which differences are sure, how quality falls with length, and examples."""

import random
from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np

from nmt.evaluation import metrics
from nmt.evaluation.metrics import Lines, Score, Settings

Matrix = list[list[float | None]]
"""[system][system], None on the diagonal."""

CUTS = (0.2, 0.4, 0.6, 0.8, 0.9)
"""Shares of the sentences below which a bucket of lengths ends: fifths, the longest of them halved."""
RESAMPLES = 1000
"""Of a bucket, for its confidence interval."""
FEW = 3
"""Systems of which all pairs are shown in examples; of more, each against the first, and of these ..."""
MOST = 12
"""... the furthest."""


class Bucket(NamedTuple):
    """Sentences whose source has from `shortest` to `longest` words, as blanks separate them."""

    shortest: int
    longest: int
    sentences: int
    scores: list[Score]
    """BLEU, one a system, with 95% intervals."""


class Example(NamedTuple):
    """A line of the test set that is worth a look."""

    line: int
    """Counted from 0."""
    better: int | None
    """The system that is far ahead there of ..."""
    worse: int | None
    """... this one; both None for a line that chance chose."""


def pairwise(metric: str, outputs: Sequence[Lines], references: Sequence[Lines], *, settings: Settings) -> Matrix:
    """p of each pair of systems by the paired bootstrap: how often equals would differ by as much."""
    found: Matrix = [[None] * len(outputs) for _ in outputs]
    made = metrics.named(metric, settings)
    for row in range(len(outputs) - 1):
        p_values = metrics.significance(made, outputs[row:], references, test="bs").p_values
        for column, p in enumerate(p_values[1:], row + 1):
            found[row][column] = found[column][row] = p
    return found


def bounds(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """The shortest and longest length of each bucket. Equal lengths are never parted, so there may be fewer buckets."""
    lengths = sorted(lengths)
    ends = [lengths[max(0, round(cut * len(lengths)) - 1)] for cut in CUTS]
    ends = sorted({*ends, lengths[-1]})
    starts = [lengths[0], *(next(each for each in lengths if each > end) for end in ends[:-1])]
    return list(zip(starts, ends, strict=True))


def by_length(
    source: Lines, outputs: Sequence[Lines], references: Sequence[Lines], *, settings: Settings
) -> list[Bucket]:  # fmt: skip
    """BLEU of the shortest sentences up to the longest."""
    lengths = np.array([len(line.split()) for line in source])
    metric, buckets = metrics.named("bleu", settings), []
    for shortest, longest in bounds(lengths.tolist()):
        rows = np.flatnonzero((shortest <= lengths) & (lengths <= longest))
        chosen = [[lines[row] for row in rows] for lines in (*references, *outputs)]
        given, found = chosen[: len(references)], chosen[len(references) :]
        scores = [metrics.score(metric, lines, given, resamples=RESAMPLES) for lines in found]
        buckets.append(Bucket(shortest, longest, len(rows), scores))
    return buckets


def sentence_scores(outputs: Sequence[Lines], references: Sequence[Lines]) -> np.ndarray:
    """chrF of each system's translation of each line, [system, line]."""
    return np.array([metrics.sentence_chrf(lines, references) for lines in outputs])


def examples(scores: np.ndarray, *, each: int = 2, drawn: int = 4, seed: int = 1) -> list[Example]:
    """Lines where one system is furthest ahead of another, `each` for each of the two ways round, and some by chance.

    `scores` [system, line]. Of one system alone: where it is best and worst.
    """
    systems, lines = scores.shape
    chosen: dict[int, Example] = {}
    if systems == 1:
        ranked = np.argsort(-scores[0], kind="stable").tolist()
        chosen = {row: Example(row, None, None) for row in (*ranked[:each], *ranked[::-1][:each])}
    pairs = permutations(range(systems), 2)
    for better, worse in (pair for pair in pairs if systems <= FEW or 0 in pair):
        ahead = scores[better] - scores[worse]
        ranked = [row for row in np.argsort(-ahead, kind="stable").tolist() if ahead[row] > 0 and row not in chosen]
        chosen |= {row: Example(row, better, worse) for row in ranked[:each]}
    if systems > FEW:
        far = sorted(chosen.values(), key=lambda one: scores[one.worse, one.line] - scores[one.better, one.line])
        chosen = {one.line: one for one in far[:MOST]}
    by_chance = random.Random(seed).sample(range(lines), min(drawn, lines))
    return [*chosen.values(), *(Example(row, None, None) for row in by_chance if row not in chosen)]
