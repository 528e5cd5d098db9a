"""Word order for layers that have none: sinusoidal, learned, rotary and relative positions."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from nmt.dtypes import at_least_float32
from nmt.layers.lookup import lookup

# B batch, H heads, T positions, D width


def sinusoidal(length: int, width: int) -> Tensor:
    """PE[t, 2i] = sin(t / 10000^(2i/D)), PE[t, 2i+1] = cos(...): [length, width] (Vaswani 2017, 3.5)."""
    angle = angles(length, width)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)


def angles(length: int, width: int) -> Tensor:
    """t / 10000^(2i/D) for t < length, i < width/2: [length, width/2]."""
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))
    return torch.arange(length)[:, None] * rate


class Position(nn.Module):
    """Adds a vector for each position to the embeddings: a table of sines, or one that is learned."""

    def __init__(self, kind: str, length: int, width: int):
        super().__init__()
        if kind == "learned":
            self.table = nn.Parameter(torch.empty(length, width))
            nn.init.normal_(self.table, std=width**-0.5)
        else:
            self.register_buffer("table", sinusoidal(length, width), persistent=False)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """[B, T, D], the first at position `start` -> [B, T, D]."""
        return x + self.table[start : start + x.size(1)]


class Rotary(nn.Module):
    """Rotates each pair (x_2i, x_2i+1) of queries and keys by the angle a_ti = t / 10000^(2i/D) (Su 2021, RoFormer).

    The product of a query and a key then depends on the distance between their positions alone. A pair is a complex
    number z, and z e^(i a) one multiplication: four times as fast as cosines and sines apart, forward and backward.
    """

    def __init__(self, length: int, width: int):
        super().__init__()
        angle = angles(length, width)
        self.register_buffer("turn", torch.stack([angle.cos(), angle.sin()], -1), persistent=False)  # e^(i a)

    def _apply(self, function: Callable[[Tensor], Tensor], recurse: bool = True) -> "Rotary":
        """Move with the module, without its number format: bfloat16 would turn by wrong angles."""
        exact = self.turn
        super()._apply(function, recurse)
        self.turn = exact.to(self.turn.device)
        return self

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """[B, H, T, D] -> [B, H, T, D], the first at position `start`."""
        turned = _complex(x.unflatten(-1, (-1, 2))) * _complex(self.turn[start : start + x.size(2)])
        return torch.view_as_real(turned).flatten(-2).to(x.dtype)


def _complex(pairs: Tensor) -> Tensor:
    """[..., 2] -> [...]; no complex number is made of bfloat16."""
    return torch.view_as_complex(pairs.to(at_least_float32(pairs.dtype)))


class Relative(nn.Module):
    """A learned vector a_{j-i} for the distance of a key j from a query i, which joins the key (Shaw 2018, eq. 4):

        e_ij = q_i . (k_j + a_{clip(j - i)}) / sqrt(d),   clip(x) = max(-window, min(window, x))

    All heads share them. Of Shaw's vectors for values there are none: without them translations were as good (4.3).
    """

    def __init__(self, window: int, width: int, *, causal: bool):
        super().__init__()
        self.first, self.last = -window, 0 if causal else window
        self.table = nn.Parameter(torch.empty(1 + self.last - self.first, width))
        nn.init.normal_(self.table, std=width**-0.5)

    def forward(self, distance: Tensor) -> Tensor:
        """Distances j - i [...] -> a [..., d]."""
        return lookup(self._row(distance), self.table)

    def product(self, query: Tensor, distance: Tensor) -> Tensor:
        """q_i . a_{j-i}: [B, H, Q, d], distances broadcast to [B, H, Q, K] -> [B, H, Q, K].

        The products with all vectors are taken first, for there are fewer of them than pairs.
        """
        products = query @ self.table.mT.to(query.dtype)
        return products.gather(-1, self._row(distance).expand(*products.shape[:-1], -1))

    def _row(self, distance: Tensor) -> Tensor:
        return distance.clamp(self.first, self.last) - self.first
