"""Attention: scores between queries and keys, weights, and the mean of the values so weighted."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.dtypes import at_least_float32
from nmt.layers.comparison import Compared, compare, for_loop
from nmt.layers.dropout import Dropout
from nmt.layers.loop import LoopLinear, Shared, product
from nmt.layers.scope import Draw, Scope

# B batch, Q queries, K keys, A width of the comparison, D width


class Past(NamedTuple):
    """What attention remembers of the target positions before, for each hypothesis; None where it need not."""

    position: Tensor | None  # t [B, Q], counted from 0
    coverage: Tensor | None  # the sum of alpha_1 .. alpha_{t-1} [B, Q, K]


class Look(NamedTuple):
    """One look at the source for each hypothesis."""

    context: Tensor  # c_t [B, Q, D]
    weights: Tensor  # alpha_t [B, Q, K]
    draw: Draw | None  # where a position was drawn
    past: Past  # for the next position


class ScoredAttention(nn.Module):
    """Attention of one head whose score is chosen by name, for the attention RNN.

    e_ij = score(s_i, h_j),  alpha_i = weighting(e_i) in a scope,  c_i = sum_j alpha_ij h_j, with the score

    - additive (Bahdanau 2015, A.1.2): v . tanh(W s_i + U h_j)
    - dot (Luong 2015, eq. 8): (W s_i) . (U h_j), projected to one width so that any two states compare
    - scaled_dot (Vaswani 2017, eq. 1): the same over sqrt(A), which keeps the variance of e at 1
    - general (Luong 2015, eq. 8): s_i . (W h_j)

    With coverage, U h_j + w_c sum_{t<i} alpha_tj stands in the place of U h_j: attention knows what it has seen
    (Tu 2016; See 2017, eq. 11, whose coverage loss is not ours). In a product that is
    q . U h_j + (q . w_c) sum_{t<i} alpha_tj, so that no hypothesis needs keys of its own.

    Dropout leaves single weights out of the mean (Vaswani's implementation, for heads); coverage counts them.
    """

    def __init__(
        self, score: str, query: int, memory: int, width: int, *, weighting: str, scope: Scope, coverage: bool,
        dropout: float = 0.0,
    ):  # fmt: skip
        super().__init__()
        self.score, self.weighting, self.scope, self.dropout = score, weighting, scope, Dropout(dropout)
        width = query if score == "general" else width
        self.query = nn.Identity() if score == "general" else LoopLinear(query, width)
        self.key = nn.Linear(memory, width, bias=False)
        if score == "additive":
            self.v = nn.Parameter(torch.empty(width))
            nn.init.normal_(self.v, std=width**-0.5)
        self.coverage = nn.Parameter(torch.empty(width)) if coverage else None  # w_c
        if self.coverage is not None:
            nn.init.normal_(self.coverage, std=width**-0.5)

    def keys(self, memory: Tensor) -> Tensor:
        """U h_j, which no query changes: [B, K, D] -> [B, K, A]."""
        return self.key(memory)

    def start(self, keys: Tensor, queries: int) -> Past:
        """The past of the first target position, for so many hypotheses of each sentence."""
        position = coverage = None
        if self.scope.kind == "local_monotonic":
            position = torch.zeros(len(keys), queries, dtype=torch.long, device=keys.device)
        if self.coverage is not None:  # a sum in bfloat16 would stand still
            dtype = at_least_float32(keys.dtype)
            coverage = keys.new_zeros(len(keys), queries, keys.size(1), dtype=dtype)
        return Past(position, coverage)

    def loop_keys(self, keys: Tensor, steps: int) -> Tensor | Compared:
        """Keys [B, K, A] for a time loop of one query a step."""
        return for_loop(keys, self.v, self.coverage, steps) if self.score == "additive" else keys

    def energy(self, state: Tensor, keys: Tensor | Compared, coverage: Tensor | None = None) -> Tensor:
        """e_ij: states [B, Q, D], keys [B, K, A], what the past has seen [B, Q, K] -> [B, Q, K]."""
        if isinstance(keys, Compared):
            return compare(self.query(state), coverage, keys)
        query, seen = self.query(state), None if coverage is None else coverage.to(keys.dtype)
        match self.score:
            case "additive":
                compared = query[:, :, None] + keys[:, None]
                if seen is not None:
                    compared = compared + seen[..., None] * self.coverage
                return compared.tanh() @ self.v
            case "dot" | "scaled_dot" | "general":
                energy = query @ keys.mT
                if seen is not None:
                    energy = energy + (query @ self.coverage)[..., None] * seen
                return energy / math.sqrt(keys.size(-1)) if self.score == "scaled_dot" else energy
        raise AssertionError(self.score)

    def forward(
        self, state: Tensor, keys: Tensor | Compared, values: Tensor | Shared, mask: Tensor, past: Past
    ) -> Look:
        """States [B, Q, D] look at keys [B, K, A] and values [B, K, D], as far as mask [B, K] leaves them."""
        energy = self.energy(state, keys, past.coverage)
        weights, draw = self.scope(self.weighting, energy, state, mask[:, None], past.position)
        position = None if past.position is None else past.position + 1
        coverage = None if past.coverage is None else past.coverage + weights
        return Look(product(self.dropout(weights), values), weights, draw, Past(position, coverage))
