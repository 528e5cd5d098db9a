"""Weights for the start of Transformers of many layers, for which Xavier's let what the branches add grow too large.

    post-norm   x = norm(a x + f(x));   values, outputs and feed-forward layers begin b times as large       (Wang 2022)
                encoder  a = 0.81 (N^4 M)^(1/16),  b = 0.87 (N^4 M)^(-1/16)
                decoder  a = (3 M)^(1/4),          b = (12 M)^(-1/4)
    pre-norm    x = x + f(norm(x));   the last matrix of each branch begins 1 / sqrt(branches) times as large
                                                                                            (Radford 2019, 2.3)

with N encoder and M decoder layers. Without it, a first step of the optimizer changes what a deep post-norm model
computes beyond repair. In DeepNorm a bounds that change for good, so it is a part of the model and not of its start
alone. In a pre-norm model the variance of the sum x grows with each branch; scaled so, it ends as that of one.
"""

from typing import NamedTuple

import torch
from torch import nn

from nmt.layers.feed_forward import FeedForward
from nmt.layers.multi_head import Heads


class Scales(NamedTuple):
    """Of the layers of an encoder or a decoder."""

    residual: float = 1.0
    """a"""
    inner: float = 1.0
    """b for the matrices within a branch that its output is linear in ..."""
    last: float = 1.0
    """... and for the last of them."""


def scales(norm: str, encoder_layers: int, decoder_layers: int) -> tuple[Scales, Scales]:
    """Of the encoder's and of the decoder's layers, which have two and three branches."""
    n, m = encoder_layers, decoder_layers
    if norm == "pre":
        return Scales(last=(2 * n) ** -0.5), Scales(last=(3 * m) ** -0.5)
    both = (n**4 * m) ** (1 / 16)
    encoder, decoder = 0.87 / both, (12 * m) ** -0.25
    return Scales(0.81 * both, encoder, encoder), Scales((3 * m) ** 0.25, decoder, decoder)


@torch.no_grad()
def shrink(layers: nn.Module, scales: Scales) -> None:
    """Scale the fresh weights of all branches."""
    for part in layers.modules():
        if isinstance(part, Heads):
            part.key_value.weight.chunk(2)[1].mul_(scales.inner)
            part.output.weight.mul_(scales.last)
        elif isinstance(part, FeedForward):
            gated = part.activation == "swiglu"  # linear in the second half
            part.expand.weight.chunk(2)[1].mul_(scales.inner) if gated else part.expand.weight.mul_(scales.inner)
            part.contract.weight.mul_(scales.last)
