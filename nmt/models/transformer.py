"""The Transformer (Vaswani 2017).

    embedding   x_j = sqrt(D) E_x x_j + PE_j                                             (3.4, 3.5)
    sublayer    post-norm: x = norm(a x + f(x)) (3.1);   pre-norm: x = x + f(norm(x)) (Xiong 2020), one norm more on top
    encoder     N times: self-attention, feed-forward
    decoder     M times: self-attention to y_<=t, attention to the encoder's output, feed-forward
    output      p(y_t | y_<t, x) = softmax(W o_t)

The factor a is 1, but for `init: deep` (layers/deep.py). Attention is softmax(Q K^T / sqrt(D/H)) V in H heads (eq. 1).
In the place of self-attention there may be something that costs less for long texts, or in decoding:
layers/self_attention.py has the list, and the interface of what a decoder looks back with. While decoding, that is what
State holds; keys and values of the source are computed once a sentence (Encoded).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.model import TransformerConfig
from nmt.ids import PAD
from nmt.layers.average_attention import AverageAttention
from nmt.layers.deep import Scales, scales, shrink
from nmt.layers.depth import LayerDropout, StochasticDepth, rising
from nmt.layers.dropout import Dropout
from nmt.layers.embedding import Embeddings
from nmt.layers.feed_forward import FeedForward
from nmt.layers.linear_attention import LinearAttention
from nmt.layers.memory import Entries, Memory, Now, no_entries, take_places
from nmt.layers.multi_head import Form, MultiHead
from nmt.layers.norm import LayerNorm
from nmt.layers.position import Position, Relative, Rotary
from nmt.layers.self_attention import SelfAttention
from nmt.layers.ssru import SSRU
from nmt.models.base import Attention, Cut, Decoded, Parts, Seq2Seq, Step, continue_from, numbered

# B batch, K hypotheses, S source, T target, D width, H heads, G heads of keys and values


class Encoded(NamedTuple):
    layers: tuple[Memory, ...]  # an entry for each source position
    mask: Tensor  # [B, 1, S] added to the energies: 0, and -inf at padding


class State(NamedTuple):
    layers: tuple[Memory | Tensor, ...]  # what each layer knows of the past, which hypotheses share or have [B, K, ...]
    entries: Entries | None  # whose the shared memories' entries are
    position: int  # of the next token


class Branch(NamedTuple):
    """What a layer's sublayers have in common."""

    residual: float  # a
    skip: float  # with this probability f(x) is left out


class Sublayer(nn.Module):
    """Residual connection, dropout and layer normalisation around a function f, as `norm` says."""

    def __init__(self, config: TransformerConfig, branch: Branch):
        super().__init__()
        self.order, self.norm, self.dropout = config.norm, LayerNorm(config.width), Dropout(config.dropout)
        self.residual, self.skip = branch.residual, StochasticDepth(branch.skip)

    def forward(self, x: Tensor, f) -> Tensor:
        if self.order == "pre":
            return x + self.skip(self.dropout(f(self.norm(x))))
        added = self.skip(self.dropout(f(x)))
        return self.norm(x + added if self.residual == 1 else torch.add(added, x, alpha=self.residual))


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward."""

    def __init__(self, config: TransformerConfig, rotary: Rotary | None, branch: Branch):
        super().__init__()
        self.self_attention = _self_attention(config.encoder_attention, config, rotary, causal=False)
        self.feed_forward = _feed_forward(config)
        self.around_self, self.around_feed_forward = Sublayer(config, branch), Sublayer(config, branch)

    def forward(self, x: Tensor, real: Tensor, maps: list[Tensor] | None) -> Tensor:
        """[B, S, D], of which `real` [B, S] is not padding -> [B, S, D]"""
        x = self.around_self(x, lambda x: self.self_attention(x, real, maps))
        return self.around_feed_forward(x, self.feed_forward)


class DecoderLayer(nn.Module):
    """Self-attention to what is left of a position, attention to the source, then feed-forward."""

    def __init__(self, config: TransformerConfig, rotary: Rotary | None, branch: Branch):
        super().__init__()
        self.self_attention = _self_attention(config.decoder_attention, config, rotary, causal=True)
        self.cross_attention = MultiHead(_form(config))
        self.feed_forward = _feed_forward(config)
        self.around_self, self.around_cross = Sublayer(config, branch), Sublayer(config, branch)
        self.around_feed_forward = Sublayer(config, branch)

    def forward(self, x: Tensor, source: Tensor, mask: Tensor, maps: Attention) -> Tensor:
        """All positions [B, T, D] against the encoder's output [B, S, D] -> [B, T, D]"""
        x = self.around_self(x, lambda x: self.self_attention(x, maps=maps.decoder))
        x = self.around_cross(x, lambda x: self.cross_attention(x, source, mask, maps.cross))
        return self.around_feed_forward(x, self.feed_forward)

    def step(
        self, x: Tensor, past: Memory | Tensor, now: Now, source: Memory, mask: Tensor
    ) -> tuple[Tensor, Memory | Tensor]:
        """The next position of every hypothesis, [B*K, 1, D] -> [B*K, 1, D] and what is known of the past after it.

        A sentence's K hypotheses are K queries against its source.
        """

        def look_back(x: Tensor) -> Tensor:
            nonlocal past
            context, past = self.self_attention.step(x, past, now)
            return context

        def look_at_source(x: Tensor) -> Tensor:
            return self.cross_attention.look(self.cross_attention.queries(x), source, mask)

        x = self.around_self(x, look_back)
        x = self.around_cross(x, look_at_source)
        return self.around_feed_forward(x, self.feed_forward), past


def _self_attention(kind: str, config: TransformerConfig, rotary: Rotary | None, *, causal: bool) -> nn.Module:
    """Self-attention of this name, or what stands in its place."""
    form = _form(config)
    match kind:
        case "full" | "local":
            head = config.width // config.heads
            relative = Relative(config.window, head, causal=causal) if config.positions == "relative" else None
            window = config.window if kind == "local" else None
            return SelfAttention(form, causal=causal, window=window, rotary=rotary, relative=relative)
        case "linear":
            return LinearAttention(form, causal=causal)
        case "average":
            return AverageAttention(config.width, _feed_forward(config))
        case "ssru":
            return SSRU(config.width)
    raise AssertionError(kind)


def _stack(
    kind: type[nn.Module], depth: int, config: TransformerConfig, rotary: Rotary | None, residual: float
) -> nn.ModuleList:
    """Encoder or decoder: the deeper a layer, the more often its branches are skipped."""
    skips = (rising(config.stochastic_depth, layer, depth) for layer in range(1, depth + 1))
    return nn.ModuleList(kind(config, rotary, Branch(residual, skip)) for skip in skips)


def _form(config: TransformerConfig) -> Form:
    shared = config.key_value_heads or config.heads
    return Form(config.width, config.heads, shared, config.score, config.weighting, config.attention_dropout)


def _feed_forward(config: TransformerConfig) -> FeedForward:
    return FeedForward(config.width, config.feed_forward, config.activation, config.feed_forward_dropout)


def _memory_type(x: Tensor) -> torch.dtype:
    """A CPU compiles a bfloat16 product for each new shape, and those of attention change with every step: float32
    products of this size are as fast."""
    return torch.float32 if x.device.type == "cpu" and x.dtype == torch.bfloat16 else x.dtype


class Transformer(Seq2Seq):
    """Every part attends: no recurrence, so that training computes all positions at once."""

    def __init__(self, config: TransformerConfig, source_size: int, target_size: int):
        super().__init__()
        self.max_length, self.width = config.max_length, config.width
        self.key_value_heads = config.key_value_heads or config.heads
        self.reach = config.window if config.decoder_attention == "local" else None
        self.embeddings = Embeddings(source_size, target_size, config.width, config.tied_embeddings)
        rotary = Rotary(config.max_length, config.width // config.heads) if config.positions == "rotary" else None
        added = config.positions in ("sinusoidal", "learned")
        self.position = Position(config.positions, config.max_length, config.width) if added else None
        depths = config.encoder_layers, config.decoder_layers
        begin = scales(config.norm, *depths) if config.init == "deep" else (Scales(), Scales())
        self.encoder = _stack(EncoderLayer, depths[0], config, rotary, begin[0].residual)
        self.decoder = _stack(DecoderLayer, depths[1], config, rotary, begin[1].residual)
        self.layer_dropout = LayerDropout(config.layer_dropout)
        top = LayerNorm if config.norm == "pre" else nn.Identity
        self.encoder_norm, self.decoder_norm = top(config.width), top(config.width)
        self.dropout = Dropout(config.dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)  # keys and values, in one matrix: sqrt(2/3) of two's range
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for stack, its in zip((self.encoder, self.decoder), begin, strict=True):
            shrink(stack, its)

    def encode(self, src: Tensor) -> Encoded:
        x, mask = self._encode(src)
        dtype = _memory_type(x)
        layers = []
        for layer in self.decoder:
            layers.append(Memory(*(each.to(dtype).contiguous() for each in layer.cross_attention.keys_values(x))))
        unseen = torch.zeros(mask.shape, dtype=dtype, device=x.device).masked_fill_(~mask, -torch.inf)
        return Encoded(tuple(layers), unseen[:, 0])

    def _encode(self, src: Tensor, maps: list[Tensor] | None = None, cut: Tensor | None = None) -> tuple[Tensor, ...]:
        """Source ids [B, S] -> the encoder's output [B, S, D], and which of it may be seen [B, 1, 1, S]."""
        real = src != PAD
        x = self._embed(self.embeddings.source(src, cut), 0)
        for layer in self.encoder:
            x = self.layer_dropout(x, layer(x, real, maps))
        return self.encoder_norm(x), real[:, None, None]

    def start(self, encoded: Encoded, beams: int) -> State:
        layers = tuple(layer.self_attention.start(encoded.mask, beams) for layer in self.decoder)
        entries = no_entries(encoded.mask, beams) if isinstance(layers[0], Memory) else None
        return State(layers, entries, 0)

    def step(self, token: Tensor, encoded: Encoded, state: State) -> Step:
        now = Now(state.position)
        if state.entries is not None:
            now = take_places(state.entries, now.position, self.key_value_heads, self.reach)
        x, layers = self._embed(self.embeddings.target(token.reshape(-1, 1)), now.position), []
        for layer, past, source in zip(self.decoder, state.layers, encoded.layers, strict=True):
            x, past = layer.step(x, past, now, source, encoded.mask)
            layers.append(past)
        hidden = self.decoder_norm(x).view(*token.shape, -1)
        return Step(hidden, State(tuple(layers), now.entries, state.position + 1))

    def reorder(self, state: State, origin: Tensor) -> State:
        if state.entries is None:
            return state._replace(layers=continue_from(state.layers, origin))
        mask = continue_from(state.entries.mask, origin)
        return state._replace(entries=state.entries._replace(mask=mask))

    def forward(self, src: Tensor, tgt_in: Tensor, cut: Cut = Cut()) -> Decoded:
        return Decoded(self._decode(tgt_in, *self._encode(src, cut=cut.source), Attention(), cut.target))

    def explain(self, src: Tensor, tgt_in: Tensor) -> Attention:
        maps = Attention([], [], [])
        self._decode(tgt_in, *self._encode(src, maps.encoder), maps)
        return Attention(*(torch.stack(layers, 1) if layers else None for layers in maps))

    def _embed(self, embedded: Tensor, start: int) -> Tensor:
        x = embedded * self.width**0.5
        return self.dropout(x if self.position is None else self.position(x, start))

    def _decode(
        self, tokens: Tensor, source: Tensor, mask: Tensor, maps: Attention, cut: Tensor | None = None
    ) -> Tensor:
        """Tokens [B, T] -> o [B, T, D]. The weights are added to the lists in `maps`, where there are such."""
        x = self._embed(self.embeddings.target(tokens, cut), 0)
        for layer in self.decoder:
            x = self.layer_dropout(x, layer(x, source, mask, maps))
        return self.decoder_norm(x)

    def project(self, hidden: Tensor, vocabulary: Tensor | None = None) -> Tensor:
        return self.embeddings.project(hidden, vocabulary)

    def parts(self) -> Parts:
        words = self.embeddings.parts()
        if self.position is not None:
            words["embeddings"] += (self.position,)
        whole = {
            "encoder": (self.encoder, self.encoder_norm), "decoder": (self.decoder, self.decoder_norm),
            "attention": tuple(layer.cross_attention for layer in self.decoder),
        }  # fmt: skip
        return words | whole | numbered("encoder", self.encoder) | numbered("decoder", self.decoder)
