"""How sharply a model looks at the source: the entropy of its attention, under teacher forcing of the references.

    H_t = - sum_s a_ts log a_ts    in nats; 0 where all attention is on one piece, log S where it is even over S pieces

a_t are the weights at target position t, divided by their sum where that is not one (sigmoid). All models are forced
along the same text, so that what differs is where they look and not what they say.
"""

from collections.abc import Sequence
from itertools import chain
from statistics import fmean
from typing import NamedTuple

import torch
from torch import Tensor

from nmt.decoding.engine import batches
from nmt.decoding.translator import Translator

# B batch, L layers, H heads, T target positions, S source pieces; both with their end mark

BATCH_TOKENS = 2048
"""Pieces of a batch: few, as the maps of all layers and heads exist at once."""


class Entropy(NamedTuple):
    """Means over the target positions of all sentences, [layer][head]."""

    nats: list[list[float]]
    share: list[list[float]]
    """Of the largest possible: H_t / log S, 0 where S is 1."""
    positions: int
    left_out: int
    """Sentences that are longer than the model takes on either side."""

    @property
    def mean(self) -> tuple[float, float]:
        """H_t and H_t / log S, over all layers and heads."""
        return tuple(fmean(chain.from_iterable(each)) for each in (self.nats, self.share))


class Sums(NamedTuple):
    """Over the real target positions of a batch."""

    nats: Tensor  # [L, H]
    share: Tensor  # [L, H]
    positions: Tensor  # []


@torch.inference_mode()
def of_translator(translator: Translator, source: Sequence[str], reference: Sequence[str]) -> Entropy | None:
    """Of a model that torch runs. None where it has no attention to the source, or takes none of the sentences."""
    engine, sums = translator.engine, []
    pairs = _fitting(translator, source, reference)
    lengths = [(len(src) + 1, len(tgt) + 1) for src, tgt in pairs]
    for rows in batches(lengths, BATCH_TOKENS):
        for maps in engine.explain(*([pairs[row][side] for row in rows] for side in (0, 1))):
            if maps.cross is None:
                return None
            weights = torch.from_numpy(maps.cross).double()[None]
            real_target, real_source = (torch.ones(1, size, dtype=torch.bool) for size in weights.shape[-2:])
            sums.append(summed(weights, real_source, real_target))
    if not sums:
        return None
    nats, share, positions = (torch.stack(part).sum(0) for part in zip(*sums, strict=True))
    means = ((each / positions).tolist() for each in (nats, share))
    return Entropy(*means, int(positions), len(source) - len(pairs))


def _fitting(
    translator: Translator, source: Sequence[str], reference: Sequence[str]
) -> list[tuple[list[int], list[int]]]:
    """The pairs in ids, but for those that the model cannot take whole."""
    prefix = translator.prefix()
    sides = translator.encode_pairs(zip(source, reference, strict=True), prefix)
    limit = translator.engine.max_length
    return [pair for pair in zip(*sides, strict=True) if max(map(len, pair)) < limit]


def summed(weights: Tensor, real_source: Tensor, real_target: Tensor) -> Sums:
    """Weights [B, L, H, T, S], real source [B, S] and target [B, T] -> sums of H_t and of H_t / log S."""
    weights = weights * real_source[:, None, None, None, :]
    weights = weights / weights.sum(-1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)
    nats = torch.special.entr(weights).sum(-1) * real_target[:, None, None, :]  # [B, L, H, T]; 0 log 0 is 0
    largest = real_source.sum(1).to(weights.dtype).log().clamp_min(torch.finfo(weights.dtype).eps)  # [B]
    nats = nats.sum(-1)  # [B, L, H]
    return Sums(nats.sum(0), (nats / largest[:, None, None]).sum(0), real_target.sum())
