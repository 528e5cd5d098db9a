"""The average attention network (Zhang 2018): a decoder that gives all of its past the same weight.

    g_t = FFN(1/t sum_{k<=t} x_k)
    i_t, f_t = sigmoid(W [x_t; g_t] + b)
    o_t = i_t * x_t + f_t * g_t

With the gates and the feed-forward layer, as published. A step costs the same however long the past is: all that is
known of it is a sum.
"""

import torch
from torch import Tensor, nn

from nmt.dtypes import at_least_float32
from nmt.layers.cumulative import cumulative_sum
from nmt.layers.feed_forward import FeedForward
from nmt.layers.memory import Now

# B batch, K hypotheses, T positions, D width


class AverageAttention(nn.Module):
    """In the place of a decoder's self-attention."""

    def __init__(self, width: int, feed_forward: FeedForward):
        super().__init__()
        self.feed_forward, self.gates = feed_forward, nn.Linear(2 * width, 2 * width)

    def forward(self, x: Tensor, real: Tensor | None = None, maps: list[Tensor] | None = None) -> Tensor:
        """[B, T, D] -> [B, T, D]"""
        count = torch.arange(1, x.size(1) + 1, device=x.device)[:, None]
        if maps is not None:
            maps.append((x.new_ones(len(x), 1, len(count), len(count)) / count).tril())
        return self._gate(x, cumulative_sum(x.to(at_least_float32(x.dtype)), 1) / count)

    def start(self, like: Tensor, beams: int) -> Tensor:
        """The sum of nothing, [B, K, D]."""
        dtype = at_least_float32(like.dtype)
        return torch.zeros(len(like), beams, self.gates.in_features // 2, dtype=dtype, device=like.device)

    def step(self, x: Tensor, past: Tensor, now: Now) -> tuple[Tensor, Tensor]:
        """Of each hypothesis [B*K, 1, D], which joins its sum."""
        past = past + x.view(past.shape)
        return self._gate(x, (past / (now.position + 1)).view(x.shape)), past

    def _gate(self, x: Tensor, mean: Tensor) -> Tensor:
        g = self.feed_forward(mean.to(x.dtype))
        write, forget = self.gates(torch.cat([x, g], -1)).sigmoid().chunk(2, -1)
        return write * x + forget * g
