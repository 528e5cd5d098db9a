"""Multi-head attention (Vaswani 2017, 3.2), whose keys and values may have fewer heads than its queries.

    head_h = attention(Q W_h^Q, K W_g^K, V W_g^V),   MultiHead(Q, K, V) = [head_1; ..; head_H] W^O

G = H is as published, G = 1 multi-query attention (Shazeer 2019), anything between grouped-query attention (Ainslie
2023): H/G heads ask the same keys, so that a decoder has a G/H-th of the keys and values to keep and to read.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nmt.layers.blocks import in_blocks, rows_at_once
from nmt.layers.dropout import Dropout
from nmt.layers.memory import Memory
from nmt.layers.position import Relative, Rotary
from nmt.layers.softmax import softmax
from nmt.layers.weighting import weigh

# B batch, H heads, G heads of keys and values, Q queries, K keys, D width, d width of a head (D/H)


class Form(NamedTuple):
    """What the attention of all layers has in common."""

    width: int  # D
    heads: int  # H
    key_value_heads: int  # G, a divisor of H
    score: str
    weighting: str
    dropout: float


class Heads(nn.Module):
    """The linear maps around attention: into heads, and from them. One matrix holds W^K and W^V."""

    def __init__(self, form: Form, rotary: Rotary | None = None):
        super().__init__()
        self.form, self.rotary, self.head = form, rotary, form.width // form.heads
        self.query = nn.Linear(form.width, form.width)
        self.key_value = nn.Linear(form.width, 2 * form.key_value_heads * self.head)
        self.output = nn.Linear(form.width, form.width)

    def queries(self, x: Tensor, start: int = 0) -> Tensor:
        """[B, Q, D], the first at position `start` -> [B, H, Q, d]"""
        query = self._split(self.query(x))
        return query if self.rotary is None else self.rotary(query, start)

    def keys_values(self, memory: Tensor, start: int = 0) -> tuple[Tensor, Tensor]:
        """[B, K, D] -> two of [B, G, K, d]"""
        key, value = (self._split(part) for part in self.key_value(memory).chunk(2, -1))
        return key if self.rotary is None else self.rotary(key, start), value

    def join(self, context: Tensor) -> Tensor:
        """[B, H, Q, d] -> [B, Q, D]"""
        return self.output(context.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, self.head)).transpose(1, 2)


class MultiHead(Heads):
    """Attention whose score is chosen by name. For a query q and a key k of one head, both after their linear maps:

    - scaled_dot (Vaswani 2017, eq. 1): q . k / sqrt(d), which keeps the variance of the energies at 1
    - dot (Luong 2015, eq. 8): q . k
    - additive (Bahdanau 2015, A.1.2): v . tanh(q + k); a vector of d numbers for every pair, so for study alone
    - general (Luong 2015, eq. 8): q M . k

    With relative positions, a vector for the distance joins k (Shaw 2018, eq. 4).
    """

    def __init__(self, form: Form, *, rotary: Rotary | None = None, relative: Relative | None = None):
        super().__init__(form, rotary)
        self.relative, self.dropout = relative, Dropout(form.dropout)
        self.scale = self.head**-0.5 if form.score == "scaled_dot" else 1.0
        self.fusible = (form.score, form.weighting) == ("scaled_dot", "softmax") and relative is None
        if form.score == "additive":
            self.v = nn.Parameter(torch.empty(form.heads, self.head))
            nn.init.normal_(self.v, std=self.head**-0.5)
        elif form.score == "general":  # energies that begin as if they were scaled
            self.matrix = nn.Parameter(torch.empty(form.heads, self.head, self.head))
            nn.init.normal_(self.matrix, std=1 / self.head)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None, maps: list[Tensor] | None = None) -> Tensor:
        """Queries of x [B, Q, D] to a memory [B, K, D], mask broadcast to [B, H, Q, K] (True: may be seen) ->
        [B, Q, D]."""
        return self.join(self.attend(self.queries(x), *self.keys_values(memory), mask, maps=maps))

    def queries(self, x: Tensor, start: int = 0) -> Tensor:
        """[B, Q, D], the first at position `start` -> [B, H, Q, d], by M where the score has it."""
        if self.form.score != "general":
            return super().queries(x, start)
        query = self._split(self.query(x)) @ self.matrix  # before it is rotated, or M would see absolute positions
        return query if self.rotary is None else self.rotary(query, start)

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, *, causal: bool = False,
        distance: Tensor | None = None, maps: list[Tensor] | None = None,
    ) -> Tensor:  # fmt: skip
        """Heads [B, H, Q, d] against [B, G, K, d] -> [B, H, Q, d]; the weights [B, H, Q, K] are added to `maps`. In the
        place of a mask, `causal` lets a query see the keys up to its own.

        torch's fused kernel is there for GPUs. On a CPU it is not faster for sentences: [292, 4, 14, 64] with dropout,
        forward and backward, takes it 36 ms in float32 and 39 ms in bfloat16, the batched products 26 and 17.
        """
        if self.fusible and maps is None and query.device.type != "cpu":
            dropout = self.form.dropout if self.training else 0.0
            return fused_attention(query, key, value, mask, dropout=dropout, causal=causal)
        mask = _up_to_itself(query) if causal else mask
        queries, numbers = query.size(2), query[..., 0].numel() * key.size(2)
        rows = rows_at_once(queries, numbers * self.head if self.form.score == "additive" else numbers)
        if maps is None and rows < queries:
            return in_blocks(self._attend, rows, (key, value), (query, mask, distance))
        return self._attend(query, mask, distance, key, value, maps)

    def _attend(
        self, query: Tensor, mask: Tensor | None, distance: Tensor | None, key: Tensor, value: Tensor,
        maps: list[Tensor] | None = None,
    ) -> Tensor:  # fmt: skip
        weights = weigh(self.form.weighting, self.energy(query, key, distance), mask, self.scale)
        if maps is not None:
            maps.append(weights)
        return per_group(self.dropout(weights), value)

    def energy(self, query: Tensor, key: Tensor, distance: Tensor | None = None) -> Tensor:
        """e [B, H, Q, K], not yet scaled; the distances between positions, broadcast to it, matter if relative."""
        if self.form.score == "additive":
            pair = query[..., None, :] + key.repeat_interleave(query.size(1) // key.size(1), 1)[..., None, :, :]
            pair = pair if self.relative is None else pair + self.relative(distance).to(pair.dtype)
            return torch.einsum("bhqkd,hd->bhqk", pair.tanh(), self.v.to(pair.dtype))
        energy = per_group(query, key.mT)
        return energy if self.relative is None else energy + self.relative.product(query, distance)

    def look(self, query: Tensor, memory: Memory, mask: Tensor, distance: Tensor | None = None) -> Tensor:
        """One query of each hypothesis, [B*K, H, 1, d], to a memory; a sentence's K hypotheses are K queries to it.

        mask [B, K, entries], 0 and -inf; distance broadcast to [B, H, K, entries] -> [B*K, 1, D].
        """
        beside = query.squeeze(2).unflatten(0, (len(mask), -1)).transpose(1, 2)  # [B, H, K, d]
        beside = beside.to(memory.keys.dtype, memory_format=torch.contiguous_format)
        energy, mask = self.energy(beside, memory.keys, distance), mask[:, None]
        if self.form.weighting == "softmax":
            weights = softmax(torch.add(mask, energy, alpha=self.scale)).to(energy.dtype)
        else:
            weights = weigh(self.form.weighting, energy, mask == 0, self.scale)
        context = per_group(weights, memory.values).transpose(1, 2)
        return self.output(context.to(query.dtype, memory_format=torch.contiguous_format).reshape(len(query), 1, -1))


def per_group(x: Tensor, matrix: Tensor) -> Tensor:
    """x M: [B, H, Q, I], [B, G, I, O] -> [B, H, Q, O]. The heads of a group are more rows of one product, so that no
    matrix is repeated."""
    if x.size(1) == matrix.size(1):
        return x @ matrix
    rows = x.unflatten(1, (matrix.size(1), -1)).flatten(2, 3)
    return (rows @ matrix).unflatten(2, (-1, x.size(2))).flatten(1, 2)


def fused_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, *, dropout: float = 0.0, causal: bool = False
) -> Tensor:
    """Scaled dot products and softmax in torch's fused kernels, which keep no weights; the fastest take no mask."""
    repeats = query.size(1) // key.size(1)
    key, value = (each.repeat_interleave(repeats, 1) if repeats > 1 else each for each in (key, value))
    return F.scaled_dot_product_attention(query, key, value, mask, dropout, causal)


def _up_to_itself(query: Tensor) -> Tensor:
    return torch.ones(query.size(2), query.size(2), dtype=torch.bool, device=query.device).tril()
