"""The additive score in the time loop of a long text: nothing of a step is kept, and no step asks for memory.

    t_j = tanh(q + k_j + c_j w),    e_j = v . t_j                                   (nmt.layers.attention)
    dt_j = de_j v * (1 - t_j^2),    dq = sum_j dt_j,  dk_j = dt_j,  dc_j = w . dt_j,
    dv = sum_j de_j t_j,            dw = sum_j c_j dt_j

Autograd would keep t, A numbers for every pair of a target and a source position, and lay small tensors between those
that it frees: a pair of 2,000 pieces, A = 512, took 15 GB. Here t is computed again for the backward pass, in one place
for all steps, and dk is summed up in another. That takes longer for sentences ([128, 16, 512] and 16 steps: 210 ms
instead of 130, of a training step of 1,700), so that it is for what is too large to be kept.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# B batch, K keys, A width of the comparison

_LARGE = 2**28
"""Numbers of t that a loop may keep, of all its steps."""


class Compared(NamedTuple):
    """Keys that all steps of a loop compare with."""

    keys: Tensor  # k [B, K, A]
    scratch: Tensor  # for t [B, K, A] of the step that is being computed
    gradient: Tensor  # the sum of dk [B, K, A] over the steps that the backward pass has been through


class _Compare(torch.autograd.Function):
    @staticmethod
    def forward(context, query, v, seen, w, keys, scratch, gradient) -> Tensor:
        if seen is not None:
            context.seen, seen = seen.dtype, seen.squeeze(1).to(keys.dtype)
        context.save_for_backward(query, v, seen, w, keys)
        context.scratch, context.gradient = scratch, gradient
        return (_compare(query, seen, w, keys, scratch) @ v)[:, None]

    @staticmethod
    @once_differentiable
    def backward(context, energy: Tensor) -> tuple[Tensor | None, ...]:
        query, v, seen, w, keys = context.saved_tensors
        t = _compare(query, seen, w, keys, context.scratch)
        for_v = energy.flatten() @ t.flatten(0, 1)
        inner = t.square_().sub_(1).mul_(v).mul_(-energy.mT)
        context.gradient.add_(inner)
        for_seen, for_w = None, None
        if seen is not None:
            for_seen, for_w = (inner @ w)[:, None].to(context.seen), seen.flatten() @ inner.flatten(0, 1)
        return inner.sum(1, keepdim=True), for_v, for_seen, for_w, None, None, None


def _compare(query: Tensor, seen: Tensor | None, w: Tensor | None, keys: Tensor, out: Tensor) -> Tensor:
    torch.add(keys, query, out=out)
    return (out if seen is None else out.addcmul_(seen[..., None], w)).tanh_()


class _Collect(torch.autograd.Function):
    """The identity, whose backward pass comes after that of all comparisons."""

    @staticmethod
    def forward(context, keys: Tensor, gradient: Tensor) -> Tensor:
        context.gradient = gradient
        return keys.view_as(keys)

    @staticmethod
    @once_differentiable
    def backward(context, _) -> tuple[Tensor, None]:
        return context.gradient, None


def for_loop(keys: Tensor, steps: int) -> Compared | Tensor:
    """The keys [B, K, A] for a loop of so many steps, all of which take part in the loss or none."""
    if steps * keys.numel() <= _LARGE or not torch.is_grad_enabled():
        return keys
    gradient = torch.zeros_like(keys)
    return Compared(_Collect.apply(keys, gradient), torch.empty_like(keys), gradient)


def compare(query: Tensor, v: Tensor, seen: Tensor | None, w: Tensor | None, compared: Compared) -> Tensor:
    """A query [B, 1, A], v and w [A], what the past has seen of each key [B, 1, K] -> e [B, 1, K]."""
    return _Compare.apply(query, v, seen, w, *compared)
