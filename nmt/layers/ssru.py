"""The simpler simple recurrent unit (Kim 2019), a recurrence between a decoder's other layers:

    f_t = sigmoid(W_f x_t + b_f)
    c_t = f_t * c_{t-1} + (1 - f_t) * W x_t
    o_t = relu(c_t)

Both products are taken for all positions at once; what is left to the recurrence is one operation between elements.
"""

import torch
from torch import Tensor, nn

from nmt.dtypes import at_least_float32
from nmt.layers.memory import Now

# B batch, K hypotheses, T positions, D width


class SSRU(nn.Module):
    """In the place of a decoder's self-attention. It has no weights over positions to show."""

    def __init__(self, width: int):
        super().__init__()
        self.forget, self.new = nn.Linear(width, width), nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, real: Tensor | None = None, maps: list[Tensor] | None = None) -> Tensor:
        """[B, T, D] -> [B, T, D]"""
        forget, new = self._inputs(x)
        cell, cells = torch.zeros_like(new[:, 0]), []
        for position in range(x.size(1)):
            cell = torch.lerp(new[:, position], cell, forget[:, position])
            cells.append(cell)
        return torch.stack(cells, 1).relu().to(x.dtype)

    def start(self, like: Tensor, beams: int) -> Tensor:
        """c_0 = 0, [B, K, D]."""
        dtype = at_least_float32(like.dtype)
        return torch.zeros(len(like), beams, self.new.out_features, dtype=dtype, device=like.device)

    def step(self, x: Tensor, past: Tensor, now: Now) -> tuple[Tensor, Tensor]:
        """Of each hypothesis [B*K, 1, D]."""
        forget, new = self._inputs(x.view(past.shape))
        cell = torch.lerp(new, past, forget)
        return cell.relu().to(x.dtype).view(x.shape), cell

    def _inputs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """f and W x, in float32 at least: in bfloat16 a cell would forget less than it is told."""
        dtype = at_least_float32(x.dtype)
        return self.forget(x).to(dtype).sigmoid(), self.new(x).to(dtype)
