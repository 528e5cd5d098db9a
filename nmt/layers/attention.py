"""Attention: scores between queries and keys, weights that sum to one, and the weighted mean of the values."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nmt.layers.dropout import keep_mask
from nmt.layers.loop import LoopLinear, Shared, product
from nmt.layers.position import Rotary
from nmt.layers.weighting import masked_softmax

# B batch, H heads, Q queries, K keys, A width of the comparison, D width


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
