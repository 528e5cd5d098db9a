"""Weightings: from energies e_j to the weights alpha_j that attention gives to what the mask leaves.

Softmax gives a weight to everything. Sparsemax and entmax give exactly 0 to whatever lies too far below the best: both
are alpha = argmax_p p . e + H(p) over the probabilities p, for other entropies H than Shannon's (Peters 2019, eq. 3-5).
Sigmoid lets each position decide for itself, so that its weights need not sum to one.

All are computed in float32, or in what is more precise in the energies, and rounded once. Padding gets exactly 0. In a
row of which the mask leaves nothing no weight means anything, but all are finite.
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nmt.layers.cumulative import cumulative_sum
from nmt.layers.softmax import softmax


def weigh(weighting: str, energy: Tensor, mask: Tensor | None, scale: float = 1.0) -> Tensor:
    """The weighting of this name of energies [..., K] times `scale`; mask broadcast to them, True: may be seen."""
    match weighting:
        case "softmax":
            return masked_softmax(energy, mask, scale)
        case "sparsemax":
            return _Sparsemax.apply(_visible(energy, mask, scale)).to(energy.dtype)
        case "entmax15":
            return _Entmax15.apply(_visible(energy, mask, scale)).to(energy.dtype)
        case "sigmoid":
            return masked_sigmoid(energy, mask, scale)
    raise AssertionError(weighting)


def masked_softmax(energy: Tensor, mask: Tensor | None, scale: float = 1.0) -> Tensor:
    """alpha_j = exp(scale e_j) / sum_k exp(scale e_k) over the keys that the mask (True: may be seen) leaves."""
    return softmax(_visible(energy, mask, scale)).to(energy.dtype)


def masked_sigmoid(energy: Tensor, mask: Tensor | None, scale: float = 1.0) -> Tensor:
    """alpha_j = sigmoid(scale e_j - log n) for n keys that the mask leaves (Ramapuram 2024, 3.1).

    Where energies are 0 the weights sum to n / (n + 1), as if they were softmax's. Without the bias they would sum to
    n / 2, and what attention returns would be the larger the longer the sentence.
    """
    count = torch.tensor(energy.size(-1), device=energy.device) if mask is None else mask.sum(-1, keepdim=True)
    visible = _visible(energy, mask, scale)
    return (visible - count.clamp_min(1).to(visible.dtype).log()).sigmoid().to(energy.dtype)


def _visible(energy: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """scale e, and the least number where the mask hides: -inf would make NaN of a row that sees nothing."""
    bias = energy.new_zeros((1,) if mask is None else mask.shape, dtype=torch.float32)
    if mask is not None:
        bias.masked_fill_(~mask, torch.finfo(torch.float32).min)
    return torch.add(bias, energy, alpha=scale)


def _falling(x: Tensor) -> tuple[Tensor, Tensor]:
    """x in falling order, x_(1) first, and 1 .. K."""
    return x.sort(-1, descending=True).values, torch.arange(1, x.size(-1) + 1, dtype=x.dtype, device=x.device)


class _Sparsemax(torch.autograd.Function):
    """alpha_j = max(e_j - tau, 0), the probabilities nearest to e (Martins & Astudillo 2016, Algorithm 1):

        tau = (sum_{j<=k} e_(j) - 1) / k,    k = max {k : 1 + k e_(k) > sum_{j<=k} e_(j)}
        de  = s * (dalpha - s . dalpha / |s|),    s_j = [alpha_j > 0]                     (eq. 11-12)

    What lies 1 or more below the largest energy is never above tau, wherever it lies.
    """

    @staticmethod
    def forward(context, energy: Tensor) -> Tensor:
        x = (energy - energy.amax(-1, keepdim=True)).clamp_min_(-1)
        falling, k = _falling(x)
        above = cumulative_sum(falling, -1) - 1
        size = (k * falling > above).sum(-1, keepdim=True)
        weights = (x - above.gather(-1, size - 1) / size).clamp_min_(0)
        context.save_for_backward(weights)
        return weights

    @staticmethod
    @once_differentiable
    def backward(context, gradient: Tensor) -> Tensor:
        support = (context.saved_tensors[0] > 0).to(gradient.dtype)
        seen = gradient * support
        return seen - support * (seen.sum(-1, keepdim=True) / support.sum(-1, keepdim=True))


class _Entmax15(torch.autograd.Function):
    """alpha_j = max(e_j / 2 - tau, 0)^2, between softmax and sparsemax (Peters, Niculae & Martins 2019, Algorithm 2):

        tau = m_k - sqrt((1 - k v_k) / k),    m_k, v_k = mean and variance of e_(1) / 2 .. e_(k) / 2
        k   = max {k : tau_k <= e_(k) / 2}
        de  = s * (dalpha - s . dalpha / sum_j s_j),    s_j = sqrt(alpha_j)               (Proposition 2)

    What lies 2 or more below the largest energy is never above tau, wherever it lies.
    """

    @staticmethod
    def forward(context, energy: Tensor) -> Tensor:
        x = ((energy - energy.amax(-1, keepdim=True)) / 2).clamp_min_(-1)
        falling, k = _falling(x)
        mean, square = (cumulative_sum(each, -1) / k for each in (falling, falling.square()))
        tau = mean - (1 / k - (square - mean.square())).clamp_min_(0).sqrt_()
        size = (tau <= falling).sum(-1, keepdim=True)
        root = (x - tau.gather(-1, size - 1).clamp_min_(-1)).clamp_min_(0)
        context.save_for_backward(root)
        return root.square()

    @staticmethod
    @once_differentiable
    def backward(context, gradient: Tensor) -> Tensor:
        (root,) = context.saved_tensors
        seen = gradient * root
        return seen - root * (seen.sum(-1, keepdim=True) / root.sum(-1, keepdim=True))
