"""Cumulative sums that come out the same each time, also where torch's own do not.

    y_i = sum_{j<=i} x_j

On a GPU torch adds floating-point numbers up in an order that depends on chance, and refuses to where algorithms must
be deterministic (training.deterministic). There the sums are made in log2(n) additions of whole tensors, each twice as
far apart as the one before (Hillis and Steele 1986).
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def cumulative_sum(x: Tensor, dim: int) -> Tensor:
    """y, like x, along a dimension."""
    if x.device.type == "cuda" and torch.are_deterministic_algorithms_enabled():
        return doubling_sum(x.movedim(dim, -1)).movedim(-1, dim)
    return x.cumsum(dim)


def doubling_sum(x: Tensor) -> Tensor:
    """The same along the last dimension, by additions alone."""
    apart = 1
    while apart < x.size(-1):
        x = x + F.pad(x[..., :-apart], (apart, 0))
        apart *= 2
    return x
