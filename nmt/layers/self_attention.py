"""Self-attention: each position of a sequence asks the others.

What a decoder looks back with keeps one interface, whatever it is: this file's attention, linear_attention.py,
average_attention.py or ssru.py.

- `forward(x, real, maps)` computes all positions [B, T, D] at once; `real` [B, T] tells the encoder's words from
  padding, and weights [B, H, T, T] are added to `maps` where a list is given and there are any
- `start(like, beams)` is what is known of K = `beams` hypotheses before the first position; `like` has a row a sentence
- `step(x, past, now)` computes the next position of every hypothesis, [B*K, 1, D], from what is known of the past, and
  returns what is known after it: a Memory, which a sentence's hypotheses share and which may be written into, or a
  tensor [B, K, ...], in which each has its own
"""

import torch
from torch import Tensor

from nmt.layers.local import local_attention
from nmt.layers.memory import Memory, Now, no_memory, write
from nmt.layers.multi_head import Form, MultiHead
from nmt.layers.position import Relative, Rotary

# B batch, K hypotheses, H heads, T positions, D width


class SelfAttention(MultiHead):
    """Queries, keys and values of one sequence. A position sees all others; if `causal`, those up to itself; with a
    `window`, those at most so far away."""

    def __init__(
        self, form: Form, *, causal: bool, window: int | None = None, rotary: Rotary | None = None,
        relative: Relative | None = None,
    ):  # fmt: skip
        super().__init__(form, rotary=rotary, relative=relative)
        self.causal, self.window = causal, window

    def forward(self, x: Tensor, real: Tensor | None = None, maps: list[Tensor] | None = None) -> Tensor:
        """[B, T, D] -> [B, T, D]"""
        query, (key, value) = self.queries(x), self.keys_values(x)
        if self.window is not None:
            window = {"window": self.window, "causal": self.causal}
            return self.join(local_attention(self.attend, query, key, value, real, **window, maps=maps))
        mask = None if self.causal else real[:, None, None]
        distance = None if self.relative is None else _distances(x)
        return self.join(self.attend(query, key, value, mask, causal=self.causal, distance=distance, maps=maps))

    def start(self, like: Tensor, beams: int) -> Memory:
        """No entries."""
        return no_memory(like, self.form.key_value_heads, self.head)

    def step(self, x: Tensor, past: Memory, now: Now) -> tuple[Tensor, Memory]:
        """A window needs no more than that older entries are forgotten, which `now` does for all layers."""
        past = write(past, self.keys_values(x, now.position), now)
        distance = None if self.relative is None else (now.entries.written - now.position)[:, None, None]
        return self.look(self.queries(x, now.position), past, now.entries.mask, distance), past


def _distances(x: Tensor) -> Tensor:
    """j - i for query i and key j: [T, T]."""
    position = torch.arange(x.size(1), device=x.device)
    return position - position[:, None]
