"""No n-gram twice in a translation (Paulus, Xiong and Socher 2018, section 2.5): pieces that may not follow."""

import torch
from torch import Tensor

from nmt.ids import PAD, UNK

# R hypotheses, T pieces so far, V vocabulary


def repeating(ids: Tensor, n: int, vocabulary: int) -> Tensor | None:
    """Whether a piece would complete an n-gram that the hypothesis already has, [R, V], given its pieces [R, T].

    None if no n-gram can be repeated yet, or n is 0. If every piece would repeat one, none is marked.
    """
    rows, length = ids.shape
    if n == 0 or length < n:
        return None
    before = ids.unfold(1, n, 1)  # [R, T - n + 1, n]
    last = ids[:, length - n + 1 :]  # [R, n - 1]
    same = (before[..., :-1] == last[:, None]).all(2)
    marked = torch.zeros(rows, vocabulary, dtype=torch.bool, device=ids.device)
    marked.scatter_(1, before[..., -1].masked_fill(~same, PAD), True)
    marked[:, PAD] = False
    return marked & ~marked[:, UNK:].all(1, keepdim=True)
