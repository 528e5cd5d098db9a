"""Linear attention (Katharopoulos 2020): products of features in the place of exponentials of products.

    o_i = sum_j (phi(q_i) . phi(k_j)) v_j / sum_j phi(q_i) . phi(k_j) = phi(q_i) S / phi(q_i) z           (eq. 4, 5)
    S = sum_j phi(k_j) v_j^T,   z = sum_j phi(k_j),   phi(x) = elu(x) + 1                                 (eq. 7)

The keys and values of a whole sequence go into one matrix, so that time and memory grow with its length and not with
its square. In a decoder the sums run up to j = i: a recurrent network whose state is S and z (3.4).

Each value gets a 1 as its last number, whereby z is the last column of S. The sums are taken in float32 at least.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from nmt.dtypes import at_least_float32
from nmt.layers.cumulative import cumulative_sum
from nmt.layers.memory import Now
from nmt.layers.multi_head import Form, Heads

# B batch, K hypotheses, H heads, G heads of keys and values, T positions, d width of a head, N chunks

_CHUNK = 64
"""Positions between two sums that a causal pass keeps for its gradients, with all products within them."""


def features(x: Tensor) -> Tensor:
    """phi(x) = elu(x) + 1, by exp where x < 0: elu(x) is -1 for x < -17 in float32, and 0 / 0 is no mean."""
    x = x.to(at_least_float32(x.dtype))
    return torch.where(x > 0, x + 1, x.clamp(max=0).exp())


class LinearAttention(Heads):
    """In the place of self-attention: a position sees all others, or if `causal` those up to itself."""

    def __init__(self, form: Form, *, causal: bool):
        super().__init__(form)
        self.causal = causal

    def forward(self, x: Tensor, real: Tensor | None = None, maps: list[Tensor] | None = None) -> Tensor:
        """[B, T, D] -> [B, T, D]; padding has no features, and so no weight."""
        query, (key, value) = features(self.queries(x)), self._past(x)
        if real is not None:
            key = key * real[:, None, :, None]
        query = query.unflatten(1, (self.form.key_value_heads, -1))  # [B, G, H/G, T, d]
        key, value = key[:, :, None], value[:, :, None]
        sums = _causal_sums(query, key, value) if self.causal else query @ (key.mT @ value)
        if maps is not None:
            maps.append(_weights(query, key, self.causal))
        return self._join(sums, x)

    def start(self, like: Tensor, beams: int) -> Tensor:
        """S and z before the first position, [B, K, G, d, d+1]."""
        dtype = at_least_float32(like.dtype)
        shape = (len(like), beams, self.form.key_value_heads, self.head, self.head + 1)
        return torch.zeros(shape, dtype=dtype, device=like.device)

    def step(self, x: Tensor, past: Tensor, now: Now) -> tuple[Tensor, Tensor]:
        """Of each hypothesis [B*K, 1, D], whose key and value join its S and z where they are."""
        key, value = (each.flatten(0, 1) for each in self._past(x))
        past.flatten(0, 2).baddbmm_(key.mT, value)
        query = features(self.queries(x)).unflatten(1, (self.form.key_value_heads, -1))
        return self._join(query @ past.flatten(0, 1)[:, :, None], x), past

    def _past(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """phi(k) and (v; 1)."""
        key, value = self.keys_values(x)
        key = features(key)
        return key, F.pad(value.to(key.dtype), (0, 1), value=1)

    def _join(self, sums: Tensor, x: Tensor) -> Tensor:
        """phi(q) S and phi(q) z [B, G, H/G, T, d+1] -> [B, T, D]"""
        return self.join((sums[..., :-1] / sums[..., -1:]).flatten(1, 2).to(x.dtype))


def _causal_sums(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """sum_{j<=i} (phi(q_i) . phi(k_j)) (v_j; 1) for each i: the chunks before one are a matrix S, its own positions are
    multiplied out. query [B, G, H/G, T, d], key and value [B, G, 1, T, d] -> [B, G, H/G, T, d+1]."""
    length = query.size(3)
    size = min(_CHUNK, length)
    chunks = -(-length // size)

    def cut(x: Tensor) -> Tensor:
        """[..., T, d] -> [..., N, T/N, d]"""
        return F.pad(x, (0, 0, 0, chunks * size - length)).unflatten(3, (chunks, size))

    query, key, value = cut(query), cut(key), cut(value)
    until = cumulative_sum(key.mT @ value, 3)  # S after each chunk
    before = F.pad(until[:, :, :, :-1], (0, 0, 0, 0, 1, 0))
    sums = query @ before + (query @ key.mT).tril() @ value
    return sums.flatten(3, 4)[:, :, :, :length]


def _weights(query: Tensor, key: Tensor, causal: bool) -> Tensor:
    """What the sums weigh the values with, for the eye: [B, H, T, T]."""
    products = query @ key.mT
    products = products.tril() if causal else products
    return (products / products.sum(-1, keepdim=True)).flatten(1, 2)
