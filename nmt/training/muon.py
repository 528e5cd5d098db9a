"""Muon: the step of a matrix is its momentum, made orthogonal (Jordan 2024; scaled as Liu 2025, "Muon is scalable").

    m <- mu m + g,   u = g + mu m                                                  (Nesterov's momentum)
    X = u / |u|;     5 times  X <- a X + (b A + c A^2) X,   A = X X^T              (Newton-Schulz)
    w <- w - lr (0.2 sqrt(max(n, k)) X + weight_decay w)                           w [n, k]

With u = U S V^T the iteration nears U V^T: all directions count the same, however rarely the gradient shows them. Its
a, b, c are chosen to lift the smallest singular values fast; they end between 0.7 and 1.2, which does as well as 1. The
factor gives a step the root mean square that AdamW's has, so that one learning rate and one decay serve both.

That is for matrices that map one space to another. Embeddings, output layers, tables of positions and vectors are
AdamW's: their rows are seen one by one. torch has Muon from 2.9 on, in bfloat16 and a matrix at a time; ours is float32
on a CPU and takes the matrices of one shape together.
"""

import torch
from torch import Tensor, nn

ITERATIONS, (A, B, C) = 5, (3.4445, -4.7750, 2.0315)
SCALE = 0.2
"""The root mean square of AdamW's usual step, in learning rates."""


def matrices(model: nn.Module) -> set[str]:
    """The names of a model's weights that are Muon's: of linear maps and recurrent layers."""
    layers = ((name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear | nn.RNNBase))
    weights = ((f"{name}.{own}", weight) for name, module in layers for own, weight in module.named_parameters())
    return {name for name, weight in weights if weight.dim() == 2}


class Muon:
    """Updates matrices by their `.grad`."""

    def __init__(self, weights: dict[str, Tensor], *, momentum: float, weight_decay: float):
        self.weights, self.momentum, self.weight_decay = weights, momentum, weight_decay
        self.means = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        self._alike: dict[torch.Size, list[str]] = {}
        for name, weight in weights.items():
            self._alike.setdefault(weight.shape, []).append(name)

    @torch.no_grad()
    def step(self, rate: float, *, bad: Tensor) -> None:
        """One update; where the scalar `bad` is 1, as a gradient was not finite, nothing changes, and nothing waits."""
        for shape, names in self._alike.items():
            weights, means = [self.weights[name] for name in names], [self.means[name] for name in names]
            gradients = torch.where(bad.bool(), 0, torch.stack([weight.grad for weight in weights]))
            mean = torch.stack(means) * torch.where(bad.bool(), 1, self.momentum) + gradients
            step = orthogonal(gradients + self.momentum * mean) * (SCALE * max(shape) ** 0.5)
            old, good = torch.stack(weights), 1 - bad
            new = old - rate * good * (step + self.weight_decay * old)
            torch._foreach_copy_(means, list(mean.unbind()))
            torch._foreach_copy_(weights, list(new.unbind()))


def orthogonal(u: Tensor) -> Tensor:
    """Nearly U V^T of u = U S V^T: [..., n, k] -> [..., n, k].

    On a GPU in bfloat16, as published: the iteration forgives rounding.
    """
    if u.size(-2) > u.size(-1):  # the smaller A
        return orthogonal(u.mT).mT
    x = u / torch.linalg.matrix_norm(u, keepdim=True).clamp_min(1e-7)
    x = x.bfloat16() if u.device.type == "cuda" else x
    for _ in range(ITERATIONS):
        a = x @ x.mT
        x = A * x + (B * a + C * a @ a) @ x
    return x.to(u.dtype)
