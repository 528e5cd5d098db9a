"""The Transformer (Vaswani 2017).

    embedding   x_j = sqrt(D) E_x x_j + PE_j                                             (3.4, 3.5)
    sublayer    post-norm: x = norm(x + f(x)) (3.1);   pre-norm: x = x + f(norm(x)) (Xiong 2020), one norm more on top
    encoder     N times: self-attention, feed-forward
    decoder     M times: self-attention to y_<=t, attention to the encoder's output, feed-forward
    output      p(y_t | y_<t, x) = softmax(W o_t)

Attention is softmax(Q K^T / sqrt(D/H)) V in H heads (eq. 1). While decoding, the keys and values of the target so far
are kept (State), and those of the source are computed once a sentence (Encoded).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.model import TransformerConfig
from nmt.ids import PAD
from nmt.layers.attention import MultiHead, explicit_attention, fast_attention
from nmt.layers.dropout import Dropout
from nmt.layers.embedding import Embeddings
from nmt.layers.feed_forward import FeedForward
from nmt.layers.norm import LayerNorm
from nmt.layers.position import Position, Rotary
from nmt.models.base import Attention, Decoded, Seq2Seq, Step

# B batch, K hypotheses, S source, T target, D width, H heads


class Cache(NamedTuple):
    """Keys and values that one decoder layer attends to."""

    keys: Tensor  # [rows, H, length, D/H]
    values: Tensor


class Encoded(NamedTuple):
    layers: tuple[Cache, ...]  # of the source: B rows, length S
    mask: Tensor  # [B, 1, 1, S]


class State(NamedTuple):
    layers: tuple[Cache, ...]  # of the target so far: B*K rows; their length is the next token's position


class Sublayer(nn.Module):
    """Residual connection, dropout and layer normalisation around a function f, as `norm` says."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.order, self.norm, self.dropout = config.norm, LayerNorm(config.width), Dropout(config.dropout)

    def forward(self, x: Tensor, f) -> Tensor:
        if self.order == "pre":
            return x + self.dropout(f(self.norm(x)))
        return self.norm(x + self.dropout(f(x)))


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward."""

    def __init__(self, config: TransformerConfig, rotary: Rotary | None):
        super().__init__()
        self.self_attention = MultiHead(config.width, config.heads, config.attention_dropout, rotary)
        self.feed_forward = _feed_forward(config)
        self.around_self, self.around_feed_forward = Sublayer(config), Sublayer(config)

    def forward(self, x: Tensor, mask: Tensor, attend) -> Tensor:
        """[B, S, D] -> [B, S, D]"""

        def look(x: Tensor) -> Tensor:
            attention = self.self_attention
            return attention(attention.queries(x), *attention.keys_values(x), mask, attend)

        return self.around_feed_forward(self.around_self(x, look), self.feed_forward)


class DecoderLayer(nn.Module):
    """Self-attention to what is left of a position, attention to the source, then feed-forward."""

    def __init__(self, config: TransformerConfig, rotary: Rotary | None):
        super().__init__()
        self.self_attention = MultiHead(config.width, config.heads, config.attention_dropout, rotary)
        self.cross_attention = MultiHead(config.width, config.heads, config.attention_dropout)
        self.feed_forward = _feed_forward(config)
        self.around_self, self.around_cross = Sublayer(config), Sublayer(config)
        self.around_feed_forward = Sublayer(config)

    def forward(self, x: Tensor, past: Cache, source: Cache, mask: Tensor, attends: "Attends") -> tuple[Tensor, Cache]:
        """The positions [B*K, T, D] that follow the `past` -> [B*K, T, D], and the past with them."""
        start = past.keys.size(2)
        present = past

        def look_back(x: Tensor) -> Tensor:
            nonlocal present
            attention = self.self_attention
            keys, values = attention.keys_values(x, start)
            present = Cache(torch.cat([past.keys, keys], 2), torch.cat([past.values, values], 2))
            return attention(attention.queries(x, start), *present, _causal(x, start), attends.self)

        def look_at_source(x: Tensor) -> Tensor:
            """A sentence's K hypotheses times T positions are K*T queries against its keys, which are not repeated."""
            attention = self.cross_attention
            queries = attention.queries(x.reshape(len(mask), -1, x.size(2)))
            return attention(queries, *source, mask, attends.cross).reshape(x.shape)

        x = self.around_self(x, look_back)
        x = self.around_cross(x, look_at_source)
        return self.around_feed_forward(x, self.feed_forward), present


class Attends(NamedTuple):
    """The functions that compute the decoder's attention: fast, or keeping the weights."""

    self: Callable[..., Tensor] = fast_attention
    cross: Callable[..., Tensor] = fast_attention


def _causal(x: Tensor, start: int) -> Tensor | None:
    """[T, t+T]: position t+i sees all up to itself. A single new position sees everything: no mask."""
    if x.size(1) == 1:
        return None
    return torch.ones(x.size(1), start + x.size(1), dtype=torch.bool, device=x.device).tril(start)


def _feed_forward(config: TransformerConfig) -> FeedForward:
    return FeedForward(config.width, config.feed_forward, config.activation, config.feed_forward_dropout)


class Transformer(Seq2Seq):
    """Every part attends: no recurrence, so that training computes all positions at once."""

    def __init__(self, config: TransformerConfig, source_size: int, target_size: int):
        super().__init__()
        self.max_length, self.heads, self.width = config.max_length, config.heads, config.width
        self.embeddings = Embeddings(source_size, target_size, config.width, config.tied_embeddings)
        rotary = config.positions == "rotary"
        head = Rotary(config.max_length, config.width // config.heads) if rotary else None
        self.position = None if rotary else Position(config.positions, config.max_length, config.width)
        self.encoder = nn.ModuleList(EncoderLayer(config, head) for _ in range(config.encoder_layers))
        self.decoder = nn.ModuleList(DecoderLayer(config, head) for _ in range(config.decoder_layers))
        top = LayerNorm if config.norm == "pre" else nn.Identity
        self.encoder_norm, self.decoder_norm = top(config.width), top(config.width)
        self.dropout = Dropout(config.dropout)
        for name, weight in self.named_parameters():
            if weight.dim() == 2 and not name.startswith(("embeddings.", "position.")):
                nn.init.xavier_uniform_(weight)
            elif name.endswith(".bias"):
                nn.init.zeros_(weight)

    def encode(self, src: Tensor) -> Encoded:
        return self._encode(src, fast_attention)

    def _encode(self, src: Tensor, attend) -> Encoded:
        mask = (src != PAD)[:, None, None]
        x = self._embed(self.embeddings.source(src), 0)
        for layer in self.encoder:
            x = layer(x, mask, attend)
        x = self.encoder_norm(x)
        return Encoded(tuple(Cache(*layer.cross_attention.keys_values(x)) for layer in self.decoder), mask)

    def start(self, encoded: Encoded, beams: int) -> State:
        rows, heads, _, width = encoded.layers[0].keys.shape
        empty = encoded.layers[0].keys.new_empty(rows * beams, heads, 0, width)
        return State((Cache(empty, empty),) * len(self.decoder))

    def step(self, token: Tensor, encoded: Encoded, state: State) -> Step:
        hidden, state = self._decode(token[:, None], encoded, state)
        return Step(hidden[:, 0], state)

    def forward(self, src: Tensor, tgt_in: Tensor) -> Decoded:
        encoded = self.encode(src)
        return Decoded(self._decode(tgt_in, encoded, self.start(encoded, 1))[0])

    def explain(self, src: Tensor, tgt_in: Tensor) -> Attention:
        maps = Attention([], [], [])
        encoded = self._encode(src, _recorder(maps.encoder))
        attends = Attends(_recorder(maps.decoder), _recorder(maps.cross))
        self._decode(tgt_in, encoded, self.start(encoded, 1), attends)
        return Attention(*(torch.stack(layers, 1) for layers in maps))

    def _embed(self, embedded: Tensor, start: int) -> Tensor:
        x = embedded * self.width**0.5
        return self.dropout(x if self.position is None else self.position(x, start))

    def _decode(
        self, tokens: Tensor, encoded: Encoded, state: State, attends: Attends = Attends()
    ) -> tuple[Tensor, State]:
        """Tokens [B*K, T] that follow the state -> o [B*K, T, D] and the state after them."""
        x = self._embed(self.embeddings.target(tokens), state.layers[0].keys.size(2))
        after = []
        for layer, past, source in zip(self.decoder, state.layers, encoded.layers, strict=True):
            x, present = layer(x, past, source, encoded.mask, attends)
            after.append(present)
        return self.decoder_norm(x), State(tuple(after))

    def project(self, hidden: Tensor, vocabulary: Tensor | None = None) -> Tensor:
        return self.embeddings.project(hidden, vocabulary)


def _recorder(maps: list[Tensor]):
    """An attention function that keeps the weights it computes."""

    def attend(query, key, value, mask, dropout=0.0):
        output, weights = explicit_attention(query, key, value, mask, dropout)
        maps.append(weights)
        return output

    return attend
