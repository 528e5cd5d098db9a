"""Embedding lookup whose gradient keeps its precision."""

import torch
import torch.nn.functional as F
from torch import Tensor


class _Lookup(torch.autograd.Function):
    @staticmethod
    def forward(context, ids: Tensor, weight: Tensor) -> Tensor:
        context.save_for_backward(ids)
        context.size, context.dtype = weight.shape, weight.dtype
        return F.embedding(ids, weight)

    @staticmethod
    def backward(context, gradient: Tensor):
        (ids,) = context.saved_tensors
        total = torch.zeros(context.size, dtype=torch.float32, device=gradient.device)
        total.index_add_(0, ids.flatten(), gradient.reshape(-1, context.size[1]).float())
        return None, total.to(context.dtype)


def lookup(ids: Tensor, weight: Tensor) -> Tensor:
    """Rows of `weight` [V, D]: ids [...] -> [..., D].

    A frequent word's gradient is a sum over hundreds of positions. In bfloat16 (8 bits) such a sum stops growing, so it
    is taken in float32 and rounded once.
    """
    return _Lookup.apply(ids, weight) if weight.dtype == torch.bfloat16 else F.embedding(ids, weight)
