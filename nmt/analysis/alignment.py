"""Word alignment from attention: which words of a source the words of its translation were made from.

    a_ji    mean over the pieces t of target word j of the sum over the pieces s of source word i of alpha_ts
    links   {(argmax_i a_ji, j)}: one source word for each target word

Which attention alpha, a `Reading` says. The step that predicts y_t has not seen it; the step after it, whose input is
y_t, knows what it looks for. In a Transformer the latter aligns far better (Chen 2020, "shifted").
Two models of opposite directions err differently: `symmetrised` joins their links (Och and Ney 2003; Koehn 2003).
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from nmt.errors import ConfigError

# L layers, H heads, T target pieces, S source pieces, both with the end mark

Links = set[tuple[int, int]]
"""(source word, target word), counted from 0."""

Symmetry = Literal["intersection", "union", "grow-diag", "grow-diag-final-and"]
_AROUND = [(-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)]
_READING = re.compile(r"(?P<layer>mean|[1-9]\d*)\.(?P<head>mean|[1-9]\d*)\.(?P<step>plain|shifted)")


class Reading(NamedTuple):
    """Which of a model's attention maps is read as an alignment, and at which step."""

    layer: int | None
    """From 1, the first; None is the mean of all."""
    head: int | None
    """Likewise."""
    shifted: bool
    """Whether a target piece is aligned at the step whose input it is, not at the one that predicts it."""

    def __str__(self) -> str:
        return f"{self.layer or 'mean'}.{self.head or 'mean'}.{'shifted' if self.shifted else 'plain'}"

    @classmethod
    def parse(cls, text: str) -> "Reading":
        """What `str` wrote. Raises ConfigError for anything else."""
        found = _READING.fullmatch(text)
        if not found:
            raise ConfigError(
                f"{text!r}: no reading of the attention", hint="LAYER.HEAD.STEP, such as 2.mean.shifted or 3.1.plain"
            )
        layer, head = (None if found[name] == "mean" else int(found[name]) for name in ("layer", "head"))
        return cls(layer, head, found["step"] == "shifted")


def readings(layers: int, heads: int) -> list[Reading]:
    """All that a model with so many layers and heads offers; the same map is not named twice."""
    each_layer = [*range(1, layers + 1), *([None] if layers > 1 else [])]
    each_head = [*([None] if heads > 1 else []), *range(1, heads + 1)]
    return [
        Reading(layer, head, shifted)
        for layer in each_layer
        for head in (each_head if layer else each_head[:1])
        for shifted in (False, True)
    ]


def read(maps: np.ndarray, reading: Reading) -> np.ndarray:
    """Attention [L, H, T, S] -> weights [T - 1, S], a row for each target piece but the end mark.

    Raises ConfigError where the model has no such layer or head.
    """
    for name, count, asked in (("layer", maps.shape[0], reading.layer), ("head", maps.shape[1], reading.head)):
        if asked is not None and asked > count:
            raise ConfigError(f"{reading}: the model has no {name} {asked}", hint=f"its last {name} is {count}")
    layer = maps.mean(0) if reading.layer is None else maps[reading.layer - 1]
    head = layer.mean(0) if reading.head is None else layer[reading.head - 1]
    return head[1:] if reading.shifted else head[:-1]
