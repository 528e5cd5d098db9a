"""Sizes for a corpus: model, vocabulary, batch, rate and number of updates that suit as much text.

Sources of the starting values: Sennrich and Zhang 2019 (recurrent models on 5,000 to 160,000 pairs: batches of about
1,000 tokens, small vocabularies, strong dropout), Araabi and Monz 2020 (the same for Transformers), van Biljon 2020
(few layers for little text), and the trainings in docs/training.md. `python scripts/tuning` measures new ones.

`TABLE` holds all rules, with a row per corpus size and family. `fit` looks a corpus up in it.
"""

import math
from typing import Literal, NamedTuple

Family = Literal["transformer", "attention_rnn", "gru"]


class Row(NamedTuple):
    """Settings for fewer than `pairs` training pairs."""

    pairs: float
    vocabulary: int
    """Pieces of both languages together. A piece must occur often enough to be learned."""
    width: int
    """The Transformer's width, or the recurrent state."""
    layers: int
    dropout: float
    batch_tokens: int
    """Small batches give more updates per pass: with 20,000 short pairs 512 instead of 1,500 tokens raised the BLEU of
    every family."""
    accumulate: int
    lr: float
    passes: int
    """Passes over the text."""


TABLE: dict[Family, tuple[Row, ...]] = {
    "transformer": (
        Row(1_000, 500, 128, 2, 0.3, 512, 1, 2e-3, 60),
        Row(3_000, 1_000, 128, 2, 0.3, 512, 1, 2e-3, 60),
        Row(10_000, 2_000, 192, 2, 0.3, 512, 1, 2e-3, 40),
        Row(25_000, 4_000, 256, 3, 0.3, 512, 1, 2e-3, 25),
        Row(100_000, 8_000, 256, 3, 0.3, 1024, 1, 2e-3, 25),
        Row(300_000, 8_000, 256, 4, 0.2, 2048, 1, 2e-3, 20),
        Row(1_000_000, 16_000, 384, 4, 0.1, 4096, 2, 1e-3, 15),
        Row(3_000_000, 16_000, 512, 6, 0.1, 4096, 4, 7e-4, 10),
        Row(math.inf, 32_000, 512, 6, 0.1, 4096, 8, 7e-4, 10),
    ),
    "attention_rnn": (
        Row(1_000, 500, 192, 1, 0.4, 512, 1, 3e-3, 60),
        Row(3_000, 1_000, 192, 1, 0.4, 512, 1, 3e-3, 60),
        Row(10_000, 2_000, 256, 1, 0.3, 512, 1, 3e-3, 40),
        Row(25_000, 4_000, 384, 1, 0.3, 512, 1, 3e-3, 25),
        Row(100_000, 8_000, 512, 1, 0.3, 1024, 1, 2e-3, 25),
        Row(300_000, 8_000, 512, 1, 0.2, 2048, 1, 2e-3, 20),
        Row(1_000_000, 16_000, 768, 1, 0.2, 4096, 2, 1e-3, 15),
        Row(3_000_000, 16_000, 1024, 1, 0.1, 4096, 4, 7e-4, 10),
        Row(math.inf, 32_000, 1024, 1, 0.1, 4096, 8, 7e-4, 10),
    ),
    "gru": (
        Row(1_000, 500, 192, 1, 0.4, 512, 1, 3e-3, 80),
        Row(3_000, 1_000, 192, 1, 0.4, 512, 1, 3e-3, 80),
        Row(10_000, 2_000, 256, 1, 0.3, 512, 1, 3e-3, 50),
        Row(25_000, 4_000, 384, 1, 0.3, 512, 1, 3e-3, 30),
        Row(100_000, 8_000, 512, 1, 0.3, 1024, 1, 2e-3, 30),
        Row(300_000, 8_000, 512, 1, 0.2, 2048, 1, 2e-3, 25),
        Row(1_000_000, 16_000, 768, 1, 0.2, 4096, 2, 1e-3, 15),
        Row(3_000_000, 16_000, 1024, 1, 0.1, 4096, 4, 7e-4, 10),
        Row(math.inf, 32_000, 1024, 1, 0.1, 4096, 8, 7e-4, 10),
    ),
}

FEWEST_UPDATES, MOST_UPDATES = 2_000, 100_000
WARMUP = 0.1
"""Share of the updates."""
EVALUATIONS = 20
PATIENCE = 5
"""Evaluations without a better one after which training stops: overfitting ends a run of little text."""
MEMORY = 0.05
"""Share of the updates over which the moving average of the weights reaches back."""
PAIRS_PER_TYPE = 20
"""A text of few different words needs no larger model than a text with this many pairs per word type."""


class Sizes(NamedTuple):
    """Settings that suit a corpus."""

    width: int
    layers: int
    dropout: float
    batch_tokens: int
    accumulate: int
    lr: float
    steps: int
    passes: float
    """Passes over the text that the steps make."""

    @property
    def ema_decay(self) -> float:
        """Decay of the moving average whose memory, 1 / (1 - decay) updates, is a small share of the run."""
        return round(1 - 1 / rounded(max(10, MEMORY * self.steps)), 4)


def fit(family: Family, *, pairs: int, pieces: float, types: int) -> Sizes:
    """The sizes for a corpus of so many training pairs.

    `pieces` is the mean length of a pair's longer side, `types` the number of different words of both sides.
    """
    row = _row(family, pairs)
    shape = _row(family, min(pairs, PAIRS_PER_TYPE * types))
    updates = max(1.0, pairs * pieces / (row.batch_tokens * row.accumulate))  # per pass
    steps = rounded(min(max(row.passes * updates, FEWEST_UPDATES), MOST_UPDATES))
    return Sizes(
        shape.width, shape.layers, row.dropout, row.batch_tokens, row.accumulate, row.lr, steps, steps / updates
    )


def smaller(family: Family, sizes: Sizes) -> Sizes | None:
    """Return the sizes with the next smaller model, or None for the smallest."""
    rows = [row for row in TABLE[family] if row.width < sizes.width]
    return sizes._replace(width=rows[-1].width, layers=min(sizes.layers, rows[-1].layers)) if rows else None


def shortened(sizes: Sizes, steps: int) -> Sizes:
    """Return the sizes with fewer updates."""
    steps = max(1, rounded(steps))
    return sizes._replace(steps=steps, passes=sizes.passes * steps / sizes.steps)


def vocabulary(family: Family, pairs: int) -> int:
    """Number of pieces of a joint vocabulary."""
    return _row(family, pairs).vocabulary


def rounded(value: float) -> int:
    """The value with two digits, so that nobody takes it for exact."""
    unit = 10 ** max(0, len(str(int(value))) - 2)
    return round(value / unit) * unit


def _row(family: Family, pairs: int) -> Row:
    return next(row for row in TABLE[family] if pairs < row.pairs)
