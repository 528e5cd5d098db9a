"""Section `model`: one class for each model, told apart by `type`."""

from collections.abc import Iterator
from typing import Annotated, Literal

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
    coverage: bool = False
    """Attention knows how much it has looked at each position so far."""
    input_feeding: bool = False
    """A position's output enters the next position's recurrent cell; training takes longer."""

    def conflicts(self) -> Iterator[Conflict]:
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
    """Encoder-decoder of self-attention alone (Vaswani 2017)."""

    type: Literal["transformer"]
    width: Width = 256
    """Width of the residual stream."""
    heads: Width = 4
    """Attention heads; must divide width."""
    feed_forward: Width = 1024
    """Inner width of the feed-forward layers."""
    encoder_layers: Depth = 3
    """Depth of the encoder."""
    decoder_layers: Depth = 3
    """Depth of the decoder."""
    norm: Literal["pre", "post"] = "pre"
    """Layer normalisation before each sublayer (trains without care) or after it (as published)."""
    positions: Literal["sinusoidal", "learned", "rotary"] = "sinusoidal"
    """How word order enters."""
    activation: Literal["relu", "gelu", "swiglu"] = "relu"
    """Non-linearity of the feed-forward layers."""
    tied_embeddings: Tie = "all"
    """Share the output layer with the target embedding (target), and that with the source embedding (all)."""
    dropout: Dropout = 0.1
    """Dropout on embeddings and on each sublayer's output."""
    attention_dropout: Dropout = 0.0
    """Dropout on attention weights."""
    feed_forward_dropout: Dropout = 0.0
    """Dropout inside the feed-forward layers."""
    max_length: Length = 256
    """Longest sentence in pieces, end mark included; longer training pairs are dropped, longer inputs are split."""

    def conflicts(self) -> Iterator[Conflict]:
        if self.width % self.heads:
            yield Conflict(("heads", "width"), f"heads ({self.heads}) must divide width ({self.width})")
        elif self.positions == "rotary" and self.width // self.heads % 2:
            message = f"rotary positions need an even width per head, not {self.width // self.heads}"
            yield Conflict(("positions", "width", "heads"), message)
        if self.positions == "sinusoidal" and self.width % 2:
            yield Conflict(("positions", "width"), f"sinusoidal positions need an even width, not {self.width}")


ModelConfig = Annotated[GRUConfig | AttentionRNNConfig | TransformerConfig, Field(discriminator="type")]
