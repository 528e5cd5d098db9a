"""The Transformer as CTranslate2 names its parts (Klein 2020), from the weights of a bundle.

Ours computes query, key and value by one matrix for queries and one for both others; CTranslate2 has one for all three
in self-attention, and the same two as ours in attention to the source. Positions become a table, for its own sines
begin at 1 and come before all cosines; where there are none, a table of zeros, for it would add its own.
"""

from pathlib import Path

import numpy as np

from nmt.bundle import Bundle
from nmt.config import TransformerConfig
from nmt.data.tokenizer import Tokenizers
from nmt.errors import NMTError
from nmt.ids import BOS, EOS, UNK
from nmt.layers.position import sinusoidal

QUANTIZATIONS = ("float32", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16")
"""Number formats of the weights; one that a processor lacks is converted to one that it has while loading."""

Weights = dict[str, np.ndarray]


def write(folder: Path, bundle: Bundle, *, quantization: str) -> None:
    """Write CTranslate2's files into an existing folder. Raises NMTError where CTranslate2 is missing, and for a number
    format that there is not."""
    if quantization not in QUANTIZATIONS:
        raise NMTError(f"quantization {quantization}: is none", hint=f"there are {', '.join(QUANTIZATIONS)}")
    specs = _imported()
    config = bundle.config.model
    # Copies, for CTranslate2 quantises in place.
    weights = {name: weight.detach().numpy().copy() for name, weight in bundle.model.named_parameters()}
    options = {
        "pre_norm": config.norm == "pre",
        "activation": {
            "relu": specs.Activation.RELU, "gelu": specs.Activation.GELU, "swiglu": specs.Activation.SWISH,
        }[config.activation],
        "ffn_glu": config.activation == "swiglu",
        "num_heads_kv": config.key_value_heads,
    }  # fmt: skip
    if config.positions == "rotary":
        options |= {"rotary_dim": config.width // config.heads, "rotary_interleave": True}
    spec = specs.TransformerSpec(
        specs.TransformerEncoderSpec(config.encoder_layers, config.heads, **options),
        specs.TransformerDecoderSpec(config.decoder_layers, config.heads, **options),
    )
    _fill(spec, weights, config)
    _name_pieces(spec, bundle.tokenizers)
    spec.validate()
    spec.optimize(quantization=quantization)
    spec.save(str(folder))


def _fill(spec, weights: Weights, config: TransformerConfig) -> None:
    """Every weight in its place. Embeddings are scaled by sqrt(D), as CTranslate2 does unless it is told otherwise."""
    target = weights["embeddings.target_weight"]
    spec.encoder.embeddings[0].weight = weights.get("embeddings.source_weight", target)  # tied ones are there once
    spec.decoder.embeddings.weight = target
    spec.decoder.projection.weight = weights.get("embeddings.output_weight", target)
    for number, layer in enumerate(spec.encoder.layer):
        _fill_layer(layer, weights, f"encoder.{number}")
    for number, layer in enumerate(spec.decoder.layer):
        _fill_layer(layer, weights, f"decoder.{number}")
        _fill_cross_attention(layer.attention, weights, f"decoder.{number}")
    for side, name in ((spec.encoder, "encoder"), (spec.decoder, "decoder")):
        if config.norm == "pre":
            _norm(side.layer_norm, weights, f"{name}_norm")
        if config.positions == "learned":
            side.position_encodings.encodings = weights["position.table"]
        elif config.positions == "sinusoidal":
            side.position_encodings.encodings = sinusoidal(config.max_length, config.width).numpy()
        elif config.positions == "none":
            side.position_encodings.encodings = np.zeros((config.max_length, config.width), np.float32)


def _fill_layer(layer, weights: Weights, name: str) -> None:
    """Self-attention and feed-forward."""
    _norm(layer.self_attention.layer_norm, weights, f"{name}.around_self.norm")
    attention = f"{name}.self_attention"
    _linear(layer.self_attention.linear[0], weights, f"{attention}.query", f"{attention}.key_value")
    _linear(layer.self_attention.linear[1], weights, f"{attention}.output")
    _norm(layer.ffn.layer_norm, weights, f"{name}.around_feed_forward.norm")
    _linear(layer.ffn.linear_0, weights, f"{name}.feed_forward.expand")
    _linear(layer.ffn.linear_1, weights, f"{name}.feed_forward.contract")
    if hasattr(layer.ffn, "linear_0_noact"):  # swiglu: the gate, which is activated, and the value
        gate, value = layer.ffn.linear_0, layer.ffn.linear_0_noact
        gate.weight, value.weight = np.split(gate.weight, 2)
        gate.bias, value.bias = np.split(gate.bias, 2)


def _fill_cross_attention(attention, weights: Weights, name: str) -> None:
    _norm(attention.layer_norm, weights, f"{name}.around_cross.norm")
    for linear, part in zip(attention.linear, ("query", "key_value", "output"), strict=True):
        _linear(linear, weights, f"{name}.cross_attention.{part}")


def _norm(spec, weights: Weights, name: str) -> None:
    spec.gamma, spec.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]


def _linear(spec, weights: Weights, *names: str) -> None:
    """One linear map, or several of one input as one."""
    spec.weight = np.concatenate([weights[f"{name}.weight"] for name in names])
    spec.bias = np.concatenate([weights[f"{name}.bias"] for name in names])


def _name_pieces(spec, tokenizers: Tokenizers) -> None:
    for tokenizer, register in (
        (tokenizers.source, spec.register_source_vocabulary), (tokenizers.target, spec.register_target_vocabulary),
    ):  # fmt: skip
        register(tokenizer.pieces(range(tokenizer.size)))
    unknown, begin, end = tokenizers.target.pieces((UNK, BOS, EOS))
    spec.config.unk_token, spec.config.bos_token, spec.config.eos_token = unknown, begin, end
    spec.config.decoder_start_token = begin


def _imported():
    try:
        from ctranslate2 import specs
    except ImportError as error:
        hint = 'pip install "nmt[ctranslate2]"'
        raise NMTError("this needs CTranslate2, which is not installed", hint=hint) from error
    return specs
