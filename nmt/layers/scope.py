"""Scopes: how much of the source one look of attention takes in.

    global            all of it
    local_monotonic   a window around p_t = t                                                (Luong 2015, 3.2)
    local_predictive  a window around p_t = S sigmoid(v_p . tanh(W_p s) / N), S the source's length      (eq. 9)
                      alpha_tj = weight_tj exp(-(j - p_t)^2 / (2 sigma^2)), sigma = D / 2                (eq. 10)
    hard              one position alone, a_t ~ weight_t; in evaluation the likeliest one    (Xu 2015, 4.1)

The state s is that of the query: s_{t-1} in the attention RNN, where Luong, who attends after the step, has s_t.
A window holds what is at most D away from p_t; j and t are counted from 0. A target longer than its source looks around
the source's last position, so that a window is never empty. Weights are those among the window's positions, and the
Gaussian's product with them is left as it is, as published: it need not sum to one. A window is a mask, and no faster
than all of the source: to cut it out would pay for sources far longer than sentences.

The sum in p_t is divided by its N terms, which v_p can make good. Without that Adam, whose steps are of one size, moves
all N terms together: after the 800 updates of docs/attention.md p_t stood at the source's end at every step, where the
sigmoid has no gradient to return by.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.dtypes import at_least_float32
from nmt.layers.loop import LoopLinear
from nmt.layers.weighting import weigh

# B batch, Q queries, K keys, N width of the states, D a window's positions on each side


class Draw(NamedTuple):
    """A position that was drawn of those that could have been."""

    log_probability: Tensor  # log p(a_t) [B, Q]
    entropy: Tensor  # H_t = -sum_j weight_tj log weight_tj [B, Q], in nats


class Scope(nn.Module):
    """Turns energies into weights of what may be seen."""

    def __init__(self, kind: str, window: int, query: int):
        super().__init__()
        self.kind, self.window = kind, window
        if kind == "local_predictive":
            self.hidden = LoopLinear(query, query, bias=False)  # W_p
            self.v = nn.Parameter(torch.empty(query))  # v_p
            nn.init.normal_(self.v)

    def forward(
        self, weighting: str, energy: Tensor, state: Tensor, mask: Tensor, position: Tensor | None
    ) -> tuple[Tensor, Draw | None]:
        """Energies [B, Q, K], states [B, Q, N], mask [B, 1, K], t [B, Q] -> alpha [B, Q, K], and what was drawn."""
        match self.kind:
            case "global":
                return weigh(weighting, energy, mask), None
            case "local_monotonic":
                near = distance(torch.minimum(position, mask.sum(-1) - 1), energy) <= self.window
                return weigh(weighting, energy, mask & near), None
            case "local_predictive":
                away = distance(self.predict(state, mask.sum(-1)), energy)
                weights = weigh(weighting, energy, mask & (away <= self.window))
                return weights * torch.exp(-2 * (away / self.window).square()).to(weights.dtype), None
            case "hard":
                # the logarithm of a rounded weight would be a rough one
                weights = weigh(weighting, energy.to(at_least_float32(energy.dtype)), mask)
                place = draw(weights) if self.training else weights.argmax(-1, keepdim=True)
                seen = torch.zeros_like(energy).scatter_(-1, place, 1)
                return seen, _draw(weights, place) if self.training else None
        raise AssertionError(self.kind)

    def predict(self, state: Tensor, length: Tensor) -> Tensor:
        """p_t of states [B, Q, N] in sources of real length S [B, 1] -> [B, Q], at least float32."""
        hidden = self.hidden(state).to(at_least_float32(state.dtype)).tanh()
        return length * (hidden @ self.v.to(hidden.dtype) / len(self.v)).sigmoid()


def distance(centre: Tensor, energy: Tensor) -> Tensor:
    """|j - p_t|: p_t [B, Q] and energies [B, Q, K] -> [B, Q, K]."""
    return (torch.arange(energy.size(-1), device=energy.device) - centre[..., None]).abs()


def draw(weights: Tensor) -> Tensor:
    """A position of each row with the probabilities [..., K] -> [..., 1], by torch's global random numbers.

    The least of independent exponential times with these rates comes first with these probabilities. Unlike
    torch.multinomial this does not fail for what is not a number, which training has its own answer to.
    """
    return (weights.detach() / torch.empty_like(weights).exponential_()).argmax(-1, keepdim=True)


def _draw(weights: Tensor, place: Tensor) -> Draw:
    log = weights.clamp_min(torch.finfo(weights.dtype).tiny).log()  # 0 log 0 is 0, and so is its gradient
    return Draw(log.gather(-1, place)[..., 0], -(weights * log).sum(-1))
