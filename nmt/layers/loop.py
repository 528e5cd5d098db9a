"""Matrices that each step of a time loop multiplies by, with one product for their gradient instead of a sum of many.

    y_t = x_t M + b,    dM = sum_t x_t^T dy_t = [x_1; ..; x_T]^T [dy_1; ..; dy_T],    db = sum_t dy_t

Left to itself, autograd makes a matrix of M's size in each step and adds it to the sum.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

# ... rows (of one matrix or of each in a batch), I inputs, O outputs


class Shared(NamedTuple):
    """A matrix for all steps of a loop."""

    matrix: Tensor  # M [..., I, O]
    bias: Tensor | None  # b [O]; not where there is a batch of matrices
    uses: list[tuple[Tensor, Tensor]]  # x_t and dy_t of each step, while the backward pass goes through them


class _Use(torch.autograd.Function):
    @staticmethod
    def forward(context, x: Tensor, matrix: Tensor, bias: Tensor | None, uses: list) -> Tensor:
        context.save_for_backward(x, matrix)
        context.uses = uses
        return x @ matrix if bias is None else torch.addmm(bias, x, matrix)

    @staticmethod
    @once_differentiable
    def backward(context, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, matrix = context.saved_tensors
        if context.needs_input_grad[1]:  # else it is frozen, and nobody collects
            context.uses.append((x, gradient))
        return gradient @ matrix.mT if context.needs_input_grad[0] else None, None, None, None


class _Collect(torch.autograd.Function):
    """The identity, whose backward pass comes after that of all uses."""

    @staticmethod
    def forward(context, matrix: Tensor, bias: Tensor | None, uses: list) -> tuple[Tensor, Tensor | None]:
        context.uses = uses
        context.set_materialize_grads(False)
        return matrix.view_as(matrix), None if bias is None else bias.view_as(bias)

    @staticmethod
    @once_differentiable
    def backward(context, *_: None) -> tuple[Tensor | None, ...]:
        x, gradient = (torch.cat(parts, -2) for parts in zip(*context.uses, strict=True))
        context.uses.clear()
        return x.mT @ gradient, gradient.sum(0) if context.needs_input_grad[1] else None, None


def share(matrix: Tensor, bias: Tensor | None = None) -> Shared:
    """For one loop, all of whose products take part in the loss or none."""
    uses: list[tuple[Tensor, Tensor]] = []
    return Shared(*_Collect.apply(matrix, bias, uses), uses)


def product(x: Tensor, shared: Shared | Tensor) -> Tensor:
    """x M + b: [..., I] -> [..., O]; a plain matrix has no loop around it."""
    return x @ shared if isinstance(shared, Tensor) else _Use.apply(x, *shared)


class LoopLinear(nn.Linear):
    """y = x W^T + b, which may stand in a time loop."""

    shared: Shared | None = None

    def forward(self, x: Tensor) -> Tensor:
        """[..., I] -> [..., O]"""
        if self.shared is None:
            return super().forward(x)
        return product(x.flatten(0, -2), self.shared).view(*x.shape[:-1], -1)


@contextmanager
def loop(model: nn.Module) -> Iterator[None]:
    """Around a time loop: while gradients are wanted, a LoopLinear of the model shares its matrix among all steps."""
    layers = [module for module in model.modules() if isinstance(module, LoopLinear) and torch.is_grad_enabled()]
    for layer in layers:
        layer.shared = share(layer.weight.mT, layer.bias)
    try:
        yield
    finally:
        for layer in layers:
            layer.shared = None
