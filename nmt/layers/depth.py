"""Whole branches or layers of a deep model left out at random, for each sentence anew; none in evaluation mode.

    stochastic depth   x + b f(x) / (1 - p_l),   b is 0 with probability p_l and else 1,   p_l = p l / L   (Huang 2016)
    LayerDrop          b layer(x) + (1 - b) x,   b is 0 with probability p and else 1                      (Fan 2019)

Huang et al. multiply by 1 - p_l when they evaluate; here training divides by it, so that the weights that are kept need
to know nothing of it. Fan et al. draw a layer for the whole batch, which saves its time. A draw for each sentence has
the same mean with less noise, does not depend on how a batch is split, and leaves other layers out in the two passes of
R-Drop.
"""

import torch
from torch import Tensor, nn

# B batch, T positions, D width


def rising(probability: float, layer: int, layers: int) -> float:
    """p_l of layer l = 1 .. L: the first ones are needed by all that follow (Huang 2016, eq. 4)."""
    return probability * layer / layers


class StochasticDepth(nn.Module):
    """What a branch adds to its input, or nothing."""

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        """[B, T, D] -> [B, T, D]"""
        if not self.training or self.probability == 0:
            return branch
        return branch * (_kept(branch, self.probability).to(branch.dtype) / (1 - self.probability))

    def extra_repr(self) -> str:
        return str(self.probability)


class LayerDropout(nn.Module):
    """A layer's output, or its input."""

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """Input and output of a layer, [B, T, D] each -> [B, T, D]"""
        if not self.training or self.probability == 0:
            return after
        return torch.where(_kept(after, self.probability), after, before)

    def extra_repr(self) -> str:
        return str(self.probability)


def _kept(x: Tensor, probability: float) -> Tensor:
    """One draw for each sentence: [B, 1, 1]."""
    return torch.rand(len(x), 1, 1, device=x.device) >= probability
