"""The models that are measured, and what they have to compute.

A product of a vector with a matrix [M, N] takes M N multiplications and as many additions, 2 M N FLOP. Its backward
pass makes two more products of the same size, so that a token of training takes 6 FLOP for each weight it meets:

    FLOP / target token of training     = 6 (target + source S/T)
    FLOP / sentence of search, beam K   = 2 (target K T + source S)

with S and T the mean ids of a source and a target, end marks included, and `source` and `target` the weights that an id
of the side meets. Looking embeddings up costs nothing; products of attention, norms and softmaxes are left out (1% of a
Transformer on sentences of 16 pieces). What padding costs is nobody's need, so it is left out as well.
"""

from typing import Any, NamedTuple

Sizes = dict[str, Any]

DROPOUT = 0.1
"""Everywhere where torch.nn.Transformer drops out, so that all systems do the same."""


def _transformer(width: int, heads: int, feed_forward: int, layers: int) -> Sizes:
    return {
        "type": "transformer", "width": width, "heads": heads, "feed_forward": feed_forward, "encoder_layers": layers,
        "decoder_layers": layers, "dropout": DROPOUT, "attention_dropout": DROPOUT, "feed_forward_dropout": DROPOUT,
    }  # fmt: skip


MODELS: dict[str, Sizes] = {
    "transformer": _transformer(256, 4, 1024, 3),
    "base": _transformer(512, 8, 2048, 6),
    "attention_rnn": {"type": "attention_rnn", "embedding": 256, "hidden": 512, "attention": 512, "dropout": DROPOUT},
    "gru": {"type": "gru", "embedding": 256, "hidden": 512, "dropout": DROPOUT},
}  # fmt: skip
TINY: dict[str, Sizes] = {
    "transformer": _transformer(16, 2, 32, 1),
    "base": _transformer(32, 2, 64, 1),
    "attention_rnn": {"type": "attention_rnn", "embedding": 16, "hidden": 16, "attention": 16, "dropout": DROPOUT},
    "gru": {"type": "gru", "embedding": 16, "hidden": 16, "dropout": DROPOUT},
}  # fmt: skip
"""For the benchmark's own test."""


class Weights(NamedTuple):
    """How many weights an id of each side meets."""

    source: int
    target: int


def weights(sizes: Sizes, vocabulary: int) -> Weights:
    """Of a model whose output layer has `vocabulary` rows."""
    if sizes["type"] == "transformer":
        return _of_transformer(sizes["width"], sizes["feed_forward"], sizes, vocabulary)
    return _of_recurrent(sizes["embedding"], sizes["hidden"], sizes, vocabulary)


def _of_transformer(width: int, inner: int, sizes: Sizes, vocabulary: int) -> Weights:
    """Attention has a matrix each for queries, keys, values and output; those of the source's keys and values for the
    decoder meet the source's ids."""
    matrix, feed_forward = width * width, 2 * width * inner
    return Weights(
        source=sizes["encoder_layers"] * (4 * matrix + feed_forward) + sizes["decoder_layers"] * 2 * matrix,
        target=sizes["decoder_layers"] * (4 * matrix + 2 * matrix + feed_forward) + width * vocabulary,
    )


def _of_recurrent(embedding: int, hidden: int, sizes: Sizes, vocabulary: int) -> Weights:
    """A GRU has three gates; the encoder is two, the decoder reads the embedding and the context of both."""
    memory = 2 * hidden
    source = 2 * 3 * (embedding + hidden) * hidden
    decoder = 3 * (embedding + memory + hidden) * hidden
    readout = (hidden + embedding + memory) * embedding + embedding * vocabulary
    compared = sizes.get("attention", 0)
    return Weights(source + memory * compared, decoder + readout + hidden * compared)


def training_flops(sizes: Sizes, vocabulary: int, *, source: float, target: float) -> float:
    """A target token, for sentences of `source` and `target` ids on average."""
    of = weights(sizes, vocabulary)
    return 6 * (of.target + of.source * source / target)


def search_flops(sizes: Sizes, vocabulary: int, *, source: float, target: float, beam: int) -> float:
    """A sentence."""
    of = weights(sizes, vocabulary)
    return 2 * (of.target * beam * target + of.source * source)
