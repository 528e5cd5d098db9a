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
import torch.nn.functional as F
from torch import Tensor, nn

from nmt.config.model import TransformerConfig
from nmt.ids import PAD
from nmt.layers.attention import MultiHead, explicit_attention, fast_attention
from nmt.layers.dropout import Dropout
from nmt.layers.embedding import Embeddings
from nmt.layers.feed_forward import FeedForward
from nmt.layers.norm import LayerNorm
from nmt.layers.position import Position, Rotary
from nmt.layers.softmax import softmax
from nmt.models.base import Attention, Decoded, Seq2Seq, Step, continue_from

# B batch, K hypotheses, S source, T target, D width, H heads


_ROOM = 16
"""A memory has a multiple of so many entries, and grows by a quarter at least, so that copies are rare."""


class Memory(NamedTuple):
    """Keys and values that one decoder layer attends to while decoding."""

    keys: Tensor  # [B, H, entries, D/H]
    values: Tensor


class Encoded(NamedTuple):
    layers: tuple[Memory, ...]  # an entry for each source position
    mask: Tensor  # [B, 1, S] added to the energies: 0, and -inf at padding


class State(NamedTuple):
    """A sentence's hypotheses share the entries of the past that they have in common. Entries stay where they are when
    hypotheses branch, so that the mask alone is reordered; those that no hypothesis descends from are written over.
    """

    layers: tuple[Memory, ...]
    mask: Tensor  # [B, K, entries] added to the energies: 0 for a hypothesis' own past, else -inf
    position: Tensor  # [B] of the next token


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

    def forward(self, x: Tensor, source: Tensor, mask: Tensor, attends: "Attends") -> Tensor:
        """All positions [B, T, D] against the encoder's output [B, S, D] -> [B, T, D]"""

        def look_back(x: Tensor) -> Tensor:
            attention = self.self_attention
            return attention(attention.queries(x), *attention.keys_values(x), _causal(x), attends.self)

        def look_at_source(x: Tensor) -> Tensor:
            attention = self.cross_attention
            return attention(attention.queries(x), *attention.keys_values(source), mask, attends.cross)

        x = self.around_self(x, look_back)
        x = self.around_cross(x, look_at_source)
        return self.around_feed_forward(x, self.feed_forward)

    def step(self, x: Tensor, position: int, past: Memory, place: Tensor, own: Tensor, encoded: tuple) -> Tensor:
        """The next position of every hypothesis, [B*K, 1, D] -> [B*K, 1, D]; its keys and values go to a `place` in the
        past.

        A sentence's K hypotheses are K queries against its source and against their common past.
        """
        source, mask = encoded

        def look_back(x: Tensor) -> Tensor:
            attention = self.self_attention
            for memory, new in zip(past, attention.keys_values(x, position), strict=True):
                memory.flatten(0, 2).index_copy_(0, place, new.reshape(len(place), -1).to(memory.dtype))
            return attention.output(_look(attention.queries(x, position), past, own))

        def look_at_source(x: Tensor) -> Tensor:
            attention = self.cross_attention
            return attention.output(_look(attention.queries(x), source, mask))

        x = self.around_self(x, look_back)
        x = self.around_cross(x, look_at_source)
        return self.around_feed_forward(x, self.feed_forward)


class Attends(NamedTuple):
    """The functions that compute the decoder's attention: fast, or keeping the weights."""

    self: Callable[..., Tensor] = fast_attention
    cross: Callable[..., Tensor] = fast_attention


def _causal(x: Tensor) -> Tensor:
    """[T, T]: a position sees all up to itself."""
    return torch.ones(x.size(1), x.size(1), dtype=torch.bool, device=x.device).tril()


def _look(query: Tensor, memory: Memory, mask: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt(D/H) + mask) V: [B*K, H, 1, D/H] against a memory -> [B*K, 1, D]"""
    beside = query.squeeze(2).unflatten(0, (len(mask), -1)).transpose(1, 2)  # [B, H, K, D/H]
    energy = beside.to(memory.keys.dtype, memory_format=torch.contiguous_format) @ memory.keys.mT
    weights = softmax(torch.add(mask[:, None], energy, alpha=query.size(3) ** -0.5)).to(energy.dtype)
    context = (weights @ memory.values).transpose(1, 2)
    return context.to(query.dtype, memory_format=torch.contiguous_format).reshape(len(query), 1, -1)


def _take_places(state: State) -> tuple[State, Tensor]:
    """A place for a new entry of each hypothesis, [B, K], with more room where there is too little."""
    beams, room = state.mask.shape[1:]
    free = state.mask.amax(1) < 0  # [B, entries]: of no hypothesis' past
    lacking = beams - (int(free.sum(1).min()) if room else 0)
    if lacking > 0:
        more = -(-max(lacking, room // 4) // _ROOM) * _ROOM
        layers = tuple(Memory(*(F.pad(part, (0, 0, 0, more)) for part in each)) for each in state.layers)
        state = state._replace(layers=layers, mask=F.pad(state.mask, (0, more), value=-torch.inf))
        free = F.pad(free, (0, more), value=True)
    place = free.int().topk(beams).indices
    return state._replace(mask=state.mask.scatter(2, place[:, :, None], 0)), place


def _memory_type(x: Tensor) -> torch.dtype:
    """A CPU compiles a bfloat16 product for each new shape, and those of attention change with every step: float32
    products of this size are as fast."""
    return torch.float32 if x.device.type == "cpu" and x.dtype == torch.bfloat16 else x.dtype


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
        x, mask = self._encode(src, fast_attention)
        dtype = _memory_type(x)
        layers = []
        for layer in self.decoder:
            layers.append(Memory(*(each.to(dtype).contiguous() for each in layer.cross_attention.keys_values(x))))
        unseen = torch.zeros(mask.shape, dtype=dtype, device=x.device).masked_fill_(~mask, -torch.inf)
        return Encoded(tuple(layers), unseen[:, 0])

    def _encode(self, src: Tensor, attend) -> tuple[Tensor, Tensor]:
        """Source ids [B, S] -> the encoder's output [B, S, D], and which of it may be seen [B, 1, 1, S]."""
        mask = (src != PAD)[:, None, None]
        x = self._embed(self.embeddings.source(src), 0)
        for layer in self.encoder:
            x = layer(x, mask, attend)
        return self.encoder_norm(x), mask

    def start(self, encoded: Encoded, beams: int) -> State:
        sentences, heads, _, width = encoded.layers[0].keys.shape
        empty = Memory(*[encoded.mask.new_empty(sentences, heads, 0, width)] * 2)
        position = torch.zeros(sentences, dtype=torch.long, device=empty.keys.device)
        return State((empty,) * len(self.decoder), encoded.mask.new_empty(sentences, beams, 0), position)

    def step(self, token: Tensor, encoded: Encoded, state: State) -> Step:
        state, place = _take_places(state)
        sentences, beams, room = state.mask.shape
        head = torch.arange(sentences * self.heads, device=token.device).view(sentences, 1, -1)
        place = (head * room + place[:, :, None]).flatten()  # [B*K*H] of a memory's rows
        position = int(state.position[0])
        x = self._embed(self.embeddings.target(token.reshape(-1, 1)), position)
        for layer, past, source in zip(self.decoder, state.layers, encoded.layers, strict=True):
            x = layer.step(x, position, past, place, state.mask, (source, encoded.mask))
        return Step(self.decoder_norm(x).view(sentences, beams, -1), state._replace(position=state.position + 1))

    def reorder(self, state: State, origin: Tensor) -> State:
        return state._replace(mask=continue_from(state.mask, origin))

    def forward(self, src: Tensor, tgt_in: Tensor) -> Decoded:
        return Decoded(self._decode(tgt_in, *self._encode(src, fast_attention), Attends()))

    def explain(self, src: Tensor, tgt_in: Tensor) -> Attention:
        maps = Attention([], [], [])
        source = self._encode(src, _recorder(maps.encoder))
        self._decode(tgt_in, *source, Attends(_recorder(maps.decoder), _recorder(maps.cross)))
        return Attention(*(torch.stack(layers, 1) for layers in maps))

    def _embed(self, embedded: Tensor, start: int) -> Tensor:
        x = embedded * self.width**0.5
        return self.dropout(x if self.position is None else self.position(x, start))

    def _decode(self, tokens: Tensor, source: Tensor, mask: Tensor, attends: Attends) -> Tensor:
        """Tokens [B, T] -> o [B, T, D]"""
        x = self._embed(self.embeddings.target(tokens), 0)
        for layer in self.decoder:
            x = layer(x, source, mask, attends)
        return self.decoder_norm(x)

    def project(self, hidden: Tensor, vocabulary: Tensor | None = None) -> Tensor:
        return self.embeddings.project(hidden, vocabulary)


def _recorder(maps: list[Tensor]):
    """An attention function that keeps the weights it computes."""

    def attend(query, key, value, mask, dropout=0.0):
        output, weights = explicit_attention(query, key, value, mask, dropout)
        maps.append(weights)
        return output

    return attend
