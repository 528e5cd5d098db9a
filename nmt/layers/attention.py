"""Attention: scores between queries and keys, weights, and the mean of the values so weighted."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nmt.layers.dropout import keep_mask
from nmt.layers.loop import LoopLinear, Shared, product
from nmt.layers.position import Rotary
from nmt.layers.scope import Scope
from nmt.layers.weighting import masked_softmax

# B batch, H heads, Q queries, K keys, A width of the comparison, D width


class Past(NamedTuple):
    """What attention remembers of the target positions before, for each hypothesis; None where it need not."""

    position: Tensor | None  # t [B, Q], counted from 0
    coverage: Tensor | None  # the sum of alpha_1 .. alpha_{t-1} [B, Q, K]


class Look(NamedTuple):
    """One look at the source for each hypothesis."""

    context: Tensor  # c_t [B, Q, D]
    weights: Tensor  # alpha_t [B, Q, K]
    choice: Tensor | None  # log p(a_t) [B, Q] where a_t was drawn
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
    """

    def __init__(
        self, score: str, query: int, memory: int, width: int, *, weighting: str, scope: Scope, coverage: bool
    ):
        super().__init__()
        self.score, self.weighting, self.scope = score, weighting, scope
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
            dtype = torch.promote_types(keys.dtype, torch.float32)
            coverage = keys.new_zeros(len(keys), queries, keys.size(1), dtype=dtype)
        return Past(position, coverage)

    def energy(self, state: Tensor, keys: Tensor, coverage: Tensor | None = None) -> Tensor:
        """e_ij: states [B, Q, D], keys [B, K, A], what the past has seen [B, Q, K] -> [B, Q, K]."""
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

    def forward(self, state: Tensor, keys: Tensor, values: Tensor | Shared, mask: Tensor, past: Past) -> Look:
        """States [B, Q, D] look at keys [B, K, A] and values [B, K, D], as far as mask [B, K] leaves them."""
        energy = self.energy(state, keys, past.coverage)
        weights, choice = self.scope(self.weighting, energy, state, mask[:, None], past.position)
        position = None if past.position is None else past.position + 1
        coverage = None if past.coverage is None else past.coverage + weights
        return Look(product(weights, values), weights, choice, Past(position, coverage))


def explicit_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float = 0.0
) -> tuple[Tensor, Tensor]:
    """softmax(Q K^T / sqrt(D)) V (Vaswani 2017, eq. 1), and the weights.

    query [B, H, Q, D], key and value [B, H, K, D], mask broadcast to [B, H, Q, K] -> [B, H, Q, D], [B, H, Q, K].
    """
    weights = masked_softmax(query @ key.mT, mask, query.size(-1) ** -0.5)
    return (weights * keep_mask(weights, dropout) if dropout else weights) @ value, weights


def fast_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float = 0.0) -> Tensor:
    """The same through torch's fused kernel, where that is the faster one.

    On a CPU it is not for sentences: [292, 4, 14, 64] with dropout, forward and backward, takes it 36 ms in float32 and
    39 ms in bfloat16, the batched products 26 and 17.
    """
    if query.device.type == "cpu":
        return explicit_attention(query, key, value, mask, dropout)[0]
    return F.scaled_dot_product_attention(query, key, value, mask, dropout)


class MultiHead(nn.Module):
    """MultiHead(Q, K, V) = Concat(head_1, ..., head_H) W^O, head_i = attention(Q W_i^Q, K W_i^K, V W_i^V)
    (Vaswani 2017, 3.2.2).

    The caller brings queries and keys together with an attention function, so that self-attention, attention to a cache
    and attention to a source are one module. One matrix holds W^K and W^V.
    """

    def __init__(self, width: int, heads: int, dropout: float, rotary: Rotary | None = None):
        super().__init__()
        self.heads, self.dropout, self.rotary = heads, dropout, rotary
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)

    def queries(self, x: Tensor, start: int = 0) -> Tensor:
        """[B, Q, D] -> [B, H, Q, D/H]"""
        query = self._split(self.query(x))
        return query if self.rotary is None else self.rotary(query, start)

    def keys_values(self, memory: Tensor, start: int = 0) -> tuple[Tensor, Tensor]:
        """[B, K, D] -> two of [B, H, K, D/H]"""
        key, value = (self._split(part) for part in self.key_value(memory).chunk(2, -1))
        return key if self.rotary is None else self.rotary(key, start), value

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, attend=fast_attention) -> Tensor:
        """Heads [B, H, Q, D/H] against [B, H, K, D/H] -> [B, Q, D]."""
        dropout = self.dropout if self.training else 0.0
        return self.output(attend(query, key, value, mask, dropout).transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
