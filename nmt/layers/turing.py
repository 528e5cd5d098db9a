"""The memory of a neural Turing machine, and how its heads find their places in it (Graves 2014, sections 3.1 to 3.3).

Pure functions, one an equation, and the controller's words to its heads. A weighting w is a head's attention over the
slots: w_i >= 0, sum_i w_i = 1.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nmt.dtypes import at_least_float32
from nmt.layers.loop import LoopLinear, Shared, product, share

# B batch, H heads, N slots, M width of a slot, O offsets (from -reach to +reach), D controller

EPSILON = 1e-3
"""Added to the product of two norms: a slot in which nothing was written is similar to no key."""

BIAS = 2.0
"""Of a fresh head's signals: it goes on by a slot a step, and knows where it is. A head that begins as a blur is slow
to find out what moving is good for, and often never does."""


class Memory(NamedTuple):
    """What is in the slots, in the forms that heads ask for."""

    slots: Tensor | Shared  # M [B, N, M]
    columns: Tensor | Shared  # the same transposed [B, M, N]
    norms: Tensor  # |M_i| [B, 1, N]


class Focus(NamedTuple):
    """What the controller tells each head about the place that it wants."""

    key: Tensor  # k [B, H, M]
    strength: Tensor  # beta >= 0 [B, H, 1]
    gate: Tensor  # g in [0, 1] [B, H, 1]
    sharpness: Tensor  # gamma >= 1 [B, H, 1]
    shifts: Tensor  # s [B, H, O], sums to one


def memory_of(slots: Tensor) -> Memory:
    """Slots [B, N, M] for heads to look at."""
    return Memory(slots, slots.mT, torch.linalg.vector_norm(slots, dim=-1)[:, None])


def share_memory(memory: Memory) -> Memory:
    """For a time loop that changes nothing in it."""
    return memory._replace(slots=share(memory.slots), columns=share(memory.columns))


def address(focus: Focus, memory: Memory, before: Tensor) -> Tensor:
    """The four steps of figure 2: from the weightings before [B, H, N] to the next ones."""
    content = by_content(focus.key, focus.strength, memory)
    return sharpen(shift(interpolate(content, before, focus.gate), focus.shifts), focus.sharpness)


def by_content(key: Tensor, strength: Tensor, memory: Memory) -> Tensor:
    """w^c_i = softmax_i(beta K(k, M_i)),  K(u, v) = u . v / (|u| |v|)  (eq. 5, 6): keys [B, H, M] -> [B, H, N]."""
    norms = torch.linalg.vector_norm(key, dim=-1, keepdim=True) * memory.norms
    return (strength * product(key, memory.columns) / (norms + EPSILON)).softmax(-1)


def interpolate(content: Tensor, before: Tensor, gate: Tensor) -> Tensor:
    """w^g = g w^c + (1 - g) w_{t-1}  (eq. 7): with g = 0 the head goes on from where it was."""
    return torch.lerp(before, content, gate)


def shift(weights: Tensor, shifts: Tensor) -> Tensor:
    """w~_i = sum_j w^g_j s_{i-j}, the slots being a circle (eq. 8): offset 1 moves a head from slot i to i + 1."""
    offsets = shifts.size(-1)
    reach = offsets // 2
    circle = torch.cat([weights[..., weights.size(-1) - reach :], weights, weights[..., :reach]], -1)
    return (circle.unfold(-1, offsets, 1) @ shifts.flip(-1)[..., None]).squeeze(-1)


def sharpen(weights: Tensor, sharpness: Tensor) -> Tensor:
    """w_i = w~_i^gamma / sum_j w~_j^gamma  (eq. 9), against the blur that shifting leaves.

    Computed as softmax(gamma log w~): the powers alone could all be too small for the number format.
    """
    tiny = torch.finfo(weights.dtype).tiny
    return (sharpness * weights.clamp(min=tiny).log()).softmax(-1)


def write(slots: Tensor, weights: Tensor, erase: Tensor, add: Tensor) -> Tensor:
    """M_i <- M_i prod_h (1 - w_hi e_h) + sum_h w_hi a_h  (eq. 3, 4; all heads erase before any adds).

    Slots [B, N, M], weightings [B, H, N], erase in [0, 1] and add [B, H, M] -> [B, N, M].
    """
    one = slots.new_ones(())
    heads = zip(weights.mT.split(1, -1), erase.split(1, 1), strict=True)
    kept = math.prod(torch.baddbmm(one, weight, part, alpha=-1) for weight, part in heads)
    return torch.addcmul(weights.mT @ add, slots, kept)


def read(memory: Memory, weights: Tensor) -> Tensor:
    """r_h = sum_i w_hi M_i  (eq. 2): weightings [B, H, N] -> [B, H, M]."""
    return product(weights, memory.slots)


class Heads(nn.Module):
    """The controller's words to heads: linear, and brought into the ranges of the equations."""

    def __init__(self, hidden: int, heads: int, width: int, reach: int):
        super().__init__()
        self.heads, self.width = heads, width
        self.places = LoopLinear(hidden, heads * (width + 3 + 2 * reach + 1))  # k; beta, g, gamma; s
        with torch.no_grad():
            signals = self.places.bias.view(heads, -1)
            signals[:, width + 1] -= BIAS  # g about 0.1
            signals[:, width + 2] += BIAS  # gamma about 3
            signals[:, width + 3 + reach + 1 :][:, :1] += BIAS  # s(1) about 0.8

    def focus(self, hidden: Tensor) -> Focus:
        """h [..., D] -> where the heads are to be, [..., H, ..], in float32 at least: in bfloat16 a gate of 0.999 is 1.
        """
        signals = _wide(self.places(hidden)).unflatten(-1, (self.heads, -1))
        key, strength, gate, sharpness, shifts = signals.tensor_split([self.width + n for n in range(4)], -1)
        return Focus(key, F.softplus(strength), gate.sigmoid(), 1 + F.softplus(sharpness), shifts.softmax(-1))


class WritingHeads(Heads):
    """Heads that are also told what to write."""

    def __init__(self, hidden: int, heads: int, width: int, reach: int):
        super().__init__(hidden, heads, width, reach)
        self.changes = LoopLinear(hidden, heads * 2 * width)

    def change(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """h [..., D] -> what each head erases and adds, e and a [..., H, M], likewise."""
        erase, add = _wide(self.changes(hidden)).unflatten(-1, (self.heads, -1)).chunk(2, -1)
        return erase.sigmoid(), add


def _wide(signals: Tensor) -> Tensor:
    return signals.to(at_least_float32(signals.dtype))
