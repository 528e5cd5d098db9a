"""Section `model`: one class for each model, told apart by `type`."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from nmt.config.section import Conflict, Section

Cell = Literal["rnn", "gru", "lstm"]
Tie = Literal["none", "target", "all"]
Weighting = Literal["softmax", "sparsemax", "entmax15", "sigmoid"]
Dropout = Annotated[float, Field(ge=0, lt=1)]
# Far beyond any model, so that a slip of the keyboard, or somebody else's model, does not fill the memory.
Width = Annotated[int, Field(ge=1, le=1 << 14)]
Depth = Annotated[int, Field(ge=1, le=256)]
Length = Annotated[int, Field(ge=2, le=1 << 14)]
HeadCount = Annotated[int, Field(ge=1, le=64)]


class RecurrentConfig(Section):
    """What the two recurrent models share."""

    cell: Cell = "gru"
    """The recurrent cell."""
    embedding: Width = 256
    """Width of the word embeddings."""
    hidden: Width = 512
    """Width of the recurrent states, each direction."""
    encoder_layers: Depth = 1
    """Depth of the encoder."""
    decoder_layers: Depth = 1
    """Depth of the decoder."""
    bidirectional: bool = True
    """Read the source in both directions."""
    tied_embeddings: Tie = "target"
    """Share the output layer with the target embedding (target), and that with the source embedding (all)."""
    dropout: Dropout = 0.2
    """Dropout on embeddings, between layers and before the output layer."""
    max_length: Length = 256
    """Longest sentence in pieces, end mark included; longer training pairs are dropped, longer inputs are split."""


class GRUConfig(RecurrentConfig):
    """Encoder-decoder without attention (Sutskever 2014, Cho 2014)."""

    type: Literal["gru"]


class AttentionRNNConfig(RecurrentConfig):
    """Encoder-decoder with attention (Bahdanau 2015, Luong 2015)."""

    BELONGS: ClassVar = {
        "attention": {"score": ("additive", "dot", "scaled_dot")},
        "window": {"scope": ("local_monotonic", "local_predictive")},
        "entropy": {"scope": ("hard",)},
    }

    type: Literal["attention_rnn"]
    score: Literal["additive", "dot", "scaled_dot", "general"] = "additive"
    """How a decoder state is compared with an encoder state."""
    attention: Width = 512
    """Width of the space in which they are compared (additive, dot and scaled_dot)."""
    weighting: Weighting = "softmax"
    """How the energies of a comparison become weights."""
    scope: Literal["global", "local_monotonic", "local_predictive", "hard"] = "global"
    """How much of the source attention takes in: all, a window, or one position."""
    window: Annotated[int, Field(ge=1, le=1 << 14)] = 10
    """Positions on each side of a window's centre (local_monotonic, local_predictive)."""
    entropy: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    """Hard attention in training: what a nat of its weights' entropy is worth, lest it settle before it knows."""
    coverage: bool = False
    """Attention knows how much it has looked at each position so far."""
    input_feeding: bool = False
    """A position's output enters the next position's recurrent cell; training takes longer."""
    attention_dropout: Dropout = 0.0
    """Dropout on attention weights."""

    def conflicts(self) -> Iterator[Conflict]:
        if self.scope == "hard" and self.attention_dropout:
            message = "hard attention sees one position; to drop that is to see none: set attention_dropout to 0"
            yield Conflict(("scope", "attention_dropout"), message)
        if self.scope == "hard" and self.weighting == "sigmoid":
            message = "hard attention draws one position, and sigmoid weights are no probabilities: take softmax"
            yield Conflict(("scope", "weighting"), message)
        if self.scope == "hard" and self.weighting == "sparsemax":
            message = (
                "hard attention learns from d log p = dp / p of what it drew, and the variance of that, sum dp^2 / p, "
                "has no bound under sparsemax: take softmax or entmax15"
            )
            yield Conflict(("scope", "weighting"), message)


class TransformerConfig(Section):
    """Encoder-decoder of self-attention alone (Vaswani 2017), or of what may stand in its place."""

    BELONGS: ClassVar = {
        "window": {"encoder_attention": ("local",), "decoder_attention": ("local",), "positions": ("relative",)}
    }

    type: Literal["transformer"]
    width: Width = 256
    """Width of the residual stream."""
    heads: Width = 4
    """Attention heads; must divide width."""
    key_value_heads: Width | None = None
    """Heads of keys and values: as many as heads (null), one for all (1), or a number that divides heads."""
    score: Literal["additive", "dot", "scaled_dot", "general"] = "scaled_dot"
    """How a query is compared with a key; additive needs very much memory."""
    weighting: Weighting = "softmax"
    """How the energies of a query become weights."""
    encoder_attention: Literal["full", "local", "linear"] = "full"
    """What a source position sees of the others: all, a window, or all by sums that cost no more for each of them."""
    decoder_attention: Literal["full", "local", "linear", "average", "ssru"] = "full"
    """The same for the target so far; or in its place, for fast decoding, the mean of it, or a recurrent unit."""
    window: Annotated[int, Field(ge=1, le=1 << 14)] = 16
    """Neighbours on each side that local attention sees, and the distance beyond which relative positions are alike."""
    feed_forward: Width = 1024
    """Inner width of the feed-forward layers."""
    encoder_layers: Depth = 3
    """Depth of the encoder."""
    decoder_layers: Depth = 3
    """Depth of the decoder."""
    norm: Literal["pre", "post"] = "pre"
    """Layer normalisation before each sublayer (trains without care) or after it (as published)."""
    init: Literal["xavier", "deep"] = "xavier"
    """Weights at the start: as published, or for many layers, 12 and more, DeepNorm (post) or GPT-2's (pre)."""
    positions: Literal["none", "sinusoidal", "learned", "rotary", "relative"] = "sinusoidal"
    """How word order enters; with none, full attention takes the source for a bag of words."""
    activation: Literal["relu", "gelu", "swiglu"] = "relu"
    """Non-linearity of the feed-forward layers."""
    tied_embeddings: Tie = "all"
    """Share the output layer with the target embedding (target), and that with the source embedding (all)."""
    dropout: Dropout = 0.1
    """Dropout on embeddings and on each sublayer's output."""
    attention_dropout: Dropout = 0.0
    """Dropout on attention weights, where they are computed one by one (full and local)."""
    feed_forward_dropout: Dropout = 0.0
    """Dropout inside the feed-forward layers."""
    layer_dropout: Dropout = 0.0
    """LayerDrop: probability that a sentence skips a layer; for 6 layers and more, 0.1 to 0.2."""
    stochastic_depth: Dropout = 0.0
    """Probability that a sentence skips a sublayer, in the last layer; it rises linearly from the first one's share."""
    max_length: Length = 256
    """Longest sentence in pieces, end mark included; longer training pairs are dropped, longer inputs are split."""

    def conflicts(self) -> Iterator[Conflict]:
        if self.width % self.heads:
            yield Conflict(("heads", "width"), f"heads ({self.heads}) must divide width ({self.width})")
        elif self.positions == "rotary" and self.width // self.heads % 2:
            message = f"rotary positions need an even width per head, not {self.width // self.heads}"
            yield Conflict(("positions", "width", "heads"), message)
        if self.heads % (self.key_value_heads or 1):
            message = f"key_value_heads ({self.key_value_heads}) must divide heads ({self.heads})"
            yield Conflict(("key_value_heads", "heads"), message)
        if self.positions == "sinusoidal" and self.width % 2:
            yield Conflict(("positions", "width"), f"sinusoidal positions need an even width, not {self.width}")
        if self.positions == "rotary" and self.score == "additive":
            message = "rotary positions show in products alone: additive scores would depend on absolute positions"
            yield Conflict(("positions", "score"), message)
        yield from self._conflicts_of_what_has_no_energies()

    def _conflicts_of_what_has_no_energies(self) -> Iterator[Conflict]:
        for setting in ("encoder_attention", "decoder_attention"):
            kind = getattr(self, setting)
            if kind in ("average", "ssru") and self.init == "deep":
                message = f"deep initialisation is known for attention, not for {kind}: take xavier"
                yield Conflict((setting, "init"), message)
            if kind == "linear" and self.score != "scaled_dot":
                message = "linear attention is a score of its own, phi(q) . phi(k): leave scaled_dot"
                yield Conflict((setting, "score"), message)
            if kind == "linear" and self.weighting != "softmax":
                message = "linear attention divides by a sum and never has the energies of a position: leave softmax"
                yield Conflict((setting, "weighting"), message)
            if kind in ("linear", "average") and self.positions in ("rotary", "relative"):
                message = (
                    "rotary and relative positions enter the energies of pairs, which linear and average attention "
                    "never compute: take sinusoidal or learned ones"
                )
                yield Conflict((setting, "positions"), message)


class NTMConfig(Section):
    """Neural Turing machine: a recurrent controller that writes to and reads from a memory (Graves 2014)."""

    type: Literal["ntm"]
    cell: Cell = "lstm"
    """The controller's recurrent cell."""
    embedding: Width = 64
    """Width of the word embeddings."""
    hidden: Width = 100
    """Width of the controller's state."""
    slots: Annotated[int, Field(ge=1, le=1 << 12)] = 128
    """Places in the memory."""
    slot_width: Annotated[int, Field(ge=1, le=1 << 8)] = 20
    """Numbers that a place holds."""
    read_heads: HeadCount = 1
    """Places that are read at once."""
    write_heads: HeadCount = 1
    """Places that are written at once."""
    reach: Annotated[int, Field(ge=0, le=64)] = 1
    """How many slots a head can move on in one step, forwards or backwards."""
    tied_embeddings: Tie = "target"
    """Share the output layer with the target embedding (target), and that with the source embedding (all)."""
    dropout: Dropout = 0.0
    """Dropout on embeddings, on the controller's output and before the output layer."""
    max_length: Length = 256
    """Longest sentence in pieces, end mark included; longer training pairs are dropped, longer inputs are split."""

    def conflicts(self) -> Iterator[Conflict]:
        if 2 * self.reach + 1 > self.slots:
            message = f"reach ({self.reach}) goes around the whole memory of {self.slots} slots: lower it"
            yield Conflict(("reach", "slots"), message)


ModelConfig = Annotated[GRUConfig | AttentionRNNConfig | TransformerConfig | NTMConfig, Field(discriminator="type")]
