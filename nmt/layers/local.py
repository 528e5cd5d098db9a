"""Local attention: a position sees its neighbours, at most `window` away on each side (Beltagy 2020, 3.1).

The sequence is cut into blocks as long as the window. The keys that a block's queries may see lie in the block and in
its neighbours, so that blocks become rows of a batch and any attention computes them: T positions need T * 3 window
energies and no T * T.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

# B batch, H heads, T positions, N blocks, W positions of a block, R positions of the blocks that its queries see


def local_attention(
    attend: Callable[..., Tensor], query: Tensor, key: Tensor, value: Tensor, real: Tensor | None, *, window: int,
    causal: bool, maps: list[Tensor] | None = None,
) -> Tensor:  # fmt: skip
    """[B, H, T, d] and keys and values [B, G, T, d] -> [B, H, T, d]; `real` [B, T] is False at padding.

    A position that is padding sees itself, for attention to nothing has no value.
    """
    sentences, length = len(query), query.size(2)
    size = min(window, length)
    blocks, after = -(-length // size), 0 if causal else size
    beyond = blocks * size - length  # what fills the last block
    if real is None:
        real = torch.ones(sentences, length, dtype=torch.bool, device=query.device)

    def cut(x: Tensor, before: int, after: int) -> Tensor:
        """[B, H, T, d] -> [B*N, H, before + W + after, d]"""
        padded = F.pad(x, (0, 0, before, beyond + after))
        return padded.unfold(2, before + size + after, size).permute(0, 2, 1, 4, 3).flatten(0, 1)

    at = torch.arange(size, device=query.device)[:, None]
    distance = torch.arange(-size, size + after, device=query.device) - at  # j - i: [W, R]
    near = (distance >= -window) & (distance <= (0 if causal else window))
    seen = F.pad(real, (size, beyond + after)).unfold(1, 2 * size + after, size).flatten(0, 1)  # [B*N, R]
    mask = near & (seen[:, None, None] | (distance == 0))
    kept: list[Tensor] | None = None if maps is None else []
    context = attend(
        cut(query, 0, 0), cut(key, size, after), cut(value, size, after), mask, distance=distance, maps=kept
    )
    if maps is not None:
        maps.append(_spread(kept[0], blocks, length))
    return context.unflatten(0, (sentences, blocks)).transpose(1, 2).flatten(2, 3)[:, :, :length]


def _spread(weights: Tensor, blocks: int, length: int) -> Tensor:
    """Weights within blocks [B*N, H, W, R] -> all of them [B, H, T, T], for the eye."""
    size, reach = weights.shape[2:]
    weights = weights.unflatten(0, (-1, blocks)).transpose(1, 2)  # [B, H, N, W, R]
    block, key = (torch.arange(each, device=weights.device) for each in (blocks, reach))
    place = (size * block)[:, None, None] + key  # [N, 1, R]
    everything = weights.new_zeros(*weights.shape[:4], size * (blocks - 1) + reach)
    everything.scatter_(-1, place.expand(weights.shape), weights)
    return everything.flatten(2, 3)[:, :, :length, size : size + length]
