"""The additive score in the time loop of a long text: nothing of a step is kept, and no step asks for memory.

    t_j = tanh(q + k_j + c_j w),    e_j = v . t_j                                   (nmt.layers.attention)
    dt_j = de_j v * (1 - t_j^2),    dq = sum_j dt_j,  dk_j = dt_j,  dc_j = w . dt_j,
    dv = sum_j de_j t_j,            dw = sum_j c_j dt_j

Autograd would keep t, A numbers for every pair of a target and a source position, and lay small tensors between those
that it frees: a pair of 2,000 pieces, A = 512, took 15 GB. Here t is computed again for the backward pass, in one place
for all steps, and dk, dv and dw are summed up in others, in float32 at least: in bfloat16 a sum over a thousand steps
can lose half. That takes longer for sentences ([128, 16, 512] and 16 steps: 210 ms instead of 130, of a training step
of 1,700), so that it is for what is too large to be kept.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nmt.dtypes import at_least_float32

# B batch, K keys, A width of the comparison

_LARGE = 2**28
"""Numbers of t that a loop may keep, of all its steps."""


class Sums(NamedTuple):
    """Of the gradients, over the steps that the backward pass has been through."""

    keys: Tensor  # dk [B, K, A]
    v: Tensor  # dv [A]
    w: Tensor | None  # dw [A]


class Compared(NamedTuple):
    """What all steps of a loop compare with."""

    keys: Tensor  # k [B, K, A]
    v: Tensor  # [A]
    w: Tensor | None  # [A], where the past has a say
    scratch: Tensor  # for t [B, K, A] of the step that is being computed
    sums: Sums


class _Compare(torch.autograd.Function):
    @staticmethod
    def forward(context, query, seen, keys, v, w, scratch, sums) -> Tensor:
        if seen is not None:
            context.seen, seen = seen.dtype, seen.squeeze(1).to(keys.dtype)
        context.save_for_backward(query, seen, keys, v, w)
        context.scratch, context.sums = scratch, sums
        return (_compare(query, seen, w, keys, scratch) @ v)[:, None]

    @staticmethod
    @once_differentiable
    def backward(context, energy: Tensor) -> tuple[Tensor | None, ...]:
        query, seen, keys, v, w = context.saved_tensors
        t = _compare(query, seen, w, keys, context.scratch)
        context.sums.v.add_(energy.flatten() @ t.flatten(0, 1))
        inner = t.square_().sub_(1).mul_(v).mul_(-energy.mT)
        context.sums.keys.add_(inner)
        for_seen = None
        if seen is not None:
            for_seen = (inner @ w)[:, None].to(context.seen)
            context.sums.w.add_(seen.flatten() @ inner.flatten(0, 1))
        return inner.sum(1, keepdim=True), for_seen, None, None, None, None, None


def _compare(query: Tensor, seen: Tensor | None, w: Tensor | None, keys: Tensor, out: Tensor) -> Tensor:
    torch.add(keys, query, out=out)
    return (out if seen is None else out.addcmul_(seen[..., None], w)).tanh_()


class _Collect(torch.autograd.Function):
    """The identity, whose backward pass comes after that of all comparisons."""

    @staticmethod
    def forward(context, keys: Tensor, v: Tensor, w: Tensor | None, sums: Sums) -> tuple[Tensor | None, ...]:
        context.sums, context.dtype = sums, keys.dtype
        context.set_materialize_grads(False)
        return keys.view_as(keys), v.view_as(v), None if w is None else w.view_as(w)

    @staticmethod
    @once_differentiable
    def backward(context, *_: None) -> tuple[Tensor | None, ...]:
        return *(None if each is None else each.to(context.dtype) for each in context.sums), None


def for_loop(keys: Tensor, v: Tensor, w: Tensor | None, steps: int) -> Compared | Tensor:
    """The keys [B, K, A], with v and w [A], for a loop of so many steps, all of which take part in the loss or none."""
    if steps * keys.numel() <= _LARGE or not torch.is_grad_enabled():
        return keys
    dtype = at_least_float32(keys.dtype)
    sums = Sums(*(None if each is None else torch.zeros_like(each, dtype=dtype) for each in (keys, v, w)))
    return Compared(*_Collect.apply(keys, v, w, sums), torch.empty_like(keys), sums)


def compare(query: Tensor, seen: Tensor | None, compared: Compared) -> Tensor:
    """A query [B, 1, A] and what the past has seen of each key [B, 1, K] -> e [B, 1, K]."""
    return _Compare.apply(query, seen, *compared)
