"""Attention: scores between queries and keys, weights that sum to one, and the weighted mean of the values."""

import math

import torch
from torch import Tensor, nn

from nmt.layers.loop import LoopLinear, Shared, product
from nmt.layers.weighting import masked_softmax

# B batch, Q queries, K keys, A width of the comparison, D width


class ScoredAttention(nn.Module):
    """Attention of one head whose score is chosen by name, for the attention RNN.

    e_ij = score(s_i, h_j),  alpha_i = softmax(e_i),  c_i = sum_j alpha_ij h_j, with the score

    - additive (Bahdanau 2015, A.1.2): v . tanh(W s_i + U h_j)
    - dot (Luong 2015, eq. 8): (W s_i) . (U h_j), projected to one width so that any two states compare
    - scaled_dot (Vaswani 2017, eq. 1): the same over sqrt(A), which keeps the variance of e at 1
    - general (Luong 2015, eq. 8): s_i . (W h_j)
    """

    def __init__(self, score: str, query: int, memory: int, width: int):
        super().__init__()
        self.score = score
        self.query = nn.Identity() if score == "general" else LoopLinear(query, width)
        self.key = nn.Linear(memory, query if score == "general" else width, bias=False)
        if score == "additive":
            self.v = nn.Parameter(torch.empty(width))
            nn.init.normal_(self.v, std=width**-0.5)

    def keys(self, memory: Tensor) -> Tensor:
        """U h_j, which no query changes: [B, K, D] -> [B, K, A]."""
        return self.key(memory)

    def energy(self, state: Tensor, keys: Tensor) -> Tensor:
        """e_ij: states [B, Q, D], keys [B, K, A] -> [B, Q, K]."""
        query = self.query(state)
        match self.score:
            case "additive":
                return (query[:, :, None] + keys[:, None]).tanh() @ self.v
            case "scaled_dot":
                return query @ keys.mT / math.sqrt(keys.size(-1))
            case "dot" | "general":
                return query @ keys.mT
        raise AssertionError(self.score)

    def forward(self, state: Tensor, keys: Tensor, values: Tensor | Shared, mask: Tensor) -> tuple[Tensor, Tensor]:
        """States [B, Q, D], keys [B, K, A], values [B, K, D], mask [B, K] -> contexts [B, Q, D], weights [B, Q, K]."""
        weights = masked_softmax(self.energy(state, keys), mask[:, None])
        return product(weights, values), weights
