"""What is too large to be kept for the backward pass is computed again there (Chen 2016), block by block.

Attention of T queries to T keys makes T*T weights a head, and autograd would keep several copies of them, dropout's
among them. Block by block no more than one block's are held at a time, forwards and backwards; the numbers stay the
same. On a CPU blocks that stay in the cache make up for the second computation: with heads 64 wide [1, 4, 2000, 2000],
forward and backward, takes 540 ms instead of 740. The smaller [8, 4, 500, 500] would take 330 ms instead of 230.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

_LARGE, _BLOCK = 2**23, 2**21


def rows_at_once(rows: int, numbers: int) -> int:
    """How many of the `rows` that make so many `numbers` a block has: all, unless they are many."""
    return rows if numbers <= _LARGE else max(1, rows * _BLOCK // numbers)


def in_blocks(f: Callable[..., Tensor], size: int, whole: tuple[Tensor, ...], cut: tuple[Tensor | None, ...]) -> Tensor:
    """[f(x[..., 0:size, :], whole); f(x[..., size:2 size, :], whole); ..], for `x` in cut.

    What is cut has as many rows as the first one in its last dimension but one, or a single one for all, or is None.
    """
    rows = cut[0].size(-2)

    def block(x: Tensor | None, begin: int) -> Tensor | None:
        return x if x is None or x.size(-2) == 1 else x[..., begin : begin + size, :]

    inputs = ((*(block(x, begin) for x in cut), *whole) for begin in range(0, rows, size))
    return torch.cat([checkpoint(f, *each, use_reentrant=False) for each in inputs], -2)  # dropout draws the same again
