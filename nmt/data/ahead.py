"""Segmentations drawn ahead: by processes of their own, while this one computes.

Python takes a core for it, and a GPU would wait. What is drawn is a pure function of the lines and a seed, so that
neither the number of processes nor their speed has a say in it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import NamedTuple

from nmt.data.tokenizer import Tokenizer
from nmt.workers import crew

Sides = Sequence[list[list[int]]]
"""Ids of the sources, and of the targets, without BOS and EOS."""


class Lines(NamedTuple):
    """Pairs whose segmentation is to be drawn."""

    sides: Sequence[list[str]]  # sources, targets
    seed: int


Draw = Callable[[Iterable[Lines]], Iterator[Sides]]


def drawing(tokenizers: Sequence[Tokenizer], alpha: float, *, workers: int) -> AbstractContextManager[Draw]:
    """A function from lines to their drawn ids, in order. One worker is this process, which draws when it is asked."""
    return crew(partial(_load, [each.model for each in tokenizers], alpha), workers=workers)


def _load(models: Sequence[bytes], alpha: float) -> Callable[[Lines], Sides]:
    tokenizers = {model: Tokenizer(model) for model in models}
    return partial(draw, [tokenizers[model] for model in models], alpha)


def draw(tokenizers: Sequence[Tokenizer], alpha: float, lines: Lines) -> Sides:
    """Here and now."""
    return [
        tokenizer.sample(side, alpha=alpha, seed=lines.seed + number)
        for number, (tokenizer, side) in enumerate(zip(tokenizers, lines.sides, strict=True))
    ]
