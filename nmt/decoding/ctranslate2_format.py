"""The files of an exported model: CTranslate2's binary format for the Transformer (Klein 2020).

`layout` gives every variable of model.bin, from the config and the two vocabulary sizes alone. The export writes the
file from it, and a file is loaded only if its table is this one: CTranslate2 believes the table that it reads, and a
changed field makes it read and free memory that is not its own.

    file      version  string(kind)  revision  count  variable*  count  alias*
    variable  string(name)  rank  size*  id of the number format  bytes  numbers
    alias     string(name)  string(name of a variable)

Ranks and formats take one byte, the length of a string two and all else four, the lowest first. A string ends with a
zero byte, which its length counts. Variables and aliases are sorted by name.
"""

import json
import math
import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from nmt.config import TransformerConfig
from nmt.data.tokenizer import Tokenizers
from nmt.errors import NMTError
from nmt.ids import BOS, EOS, UNK

CONFIG = "config.json"
SHARED, SOURCE, TARGET = (f"{side}_vocabulary.json" for side in ("shared", "source", "target"))
"""One vocabulary, or two."""

QUANTIZATIONS = {
    "float32": ("float32", "float32"), "int8": ("int8", "float32"), "int8_float32": ("int8", "float32"),
    "int8_float16": ("int8", "float16"), "int8_bfloat16": ("int8", "bfloat16"), "int16": ("int16", "float32"),
    "float16": ("float16", "float16"), "bfloat16": ("bfloat16", "bfloat16"),
}  # fmt: skip
"""Number formats of the matrices and of the other weights. While loading, a format that a processor lacks becomes one
that it has."""
FORMATS = {"float32": 4, "int8": 1, "int16": 2, "int32": 4, "float16": 2, "bfloat16": 2}
"""Bytes of a number; a format's id is its place here."""
LARGEST = (1 << 32) - 1
"""Bytes of a variable."""

HEAD = struct.pack("<IH16sI", 6, 16, b"TransformerSpec", 7)
"""Version, kind and revision."""
ACTIVATIONS = {"relu": 0, "swiglu": 2, "gelu": 3}
POSITIONS = "position.table"
"""The origin of positions, also of those that are no weights of ours."""

_SHOWN, _RANKS = 80, 4  # characters of a name and sizes of a shape in a message


class Weight(NamedTuple):
    """A variable that holds weights."""

    shape: tuple[int, ...]
    origin: tuple[str, ...]
    """Our weights, whose rows follow each other."""
    first: int = 0
    """The row of them with which it begins."""


Setting = np.number
"""A variable that the config alone determines: a number."""


class Layout(NamedTuple):
    """All of a file but its numbers."""

    variables: dict[str, Weight | Setting]
    aliases: dict[str, str]
    """The names under which a variable can be found as well."""


class Entry(NamedTuple):
    """A row of the table. It has the form of the file."""

    name: str
    shape: tuple[int, ...]
    format: int
    bytes: int

    def __str__(self) -> str:
        kind = [*FORMATS][self.format] if self.format < len(FORMATS) else f"number format {self.format}"
        shape = "x".join(map(str, self.shape[:_RANKS])) or "one number"
        return f"{shown(self.name)} ({kind}, {shape}, {self.bytes:,} bytes)"


def layout(config: TransformerConfig, source_size: int, target_size: int) -> Layout:
    """The variables of an exported Transformer.

    Ours computes the query by one matrix, key and value by another; CTranslate2 has one for all three in
    self-attention, and the same two as ours in attention to the source.
    """
    target, tied = "embeddings.target_weight", config.tied_embeddings
    variables: dict[str, Weight | Setting] = {
        **_settings(config),
        "decoder/embeddings/weight": Weight((target_size, config.width), (target,)),
        "encoder/embeddings_0/weight": Weight((source_size, config.width), ("embeddings.source_weight",)),
        "decoder/projection/weight": Weight((target_size, config.width), ("embeddings.output_weight",)),
    }
    for side, depth in (("encoder", config.encoder_layers), ("decoder", config.decoder_layers)):
        for number in range(depth):
            variables |= _layer(config, side, number)
        if config.norm == "pre":
            variables |= _norm(f"{side}/layer_norm", config.width, f"{side}_norm")
    aliases = {"decoder/projection/weight": "decoder/embeddings/weight"} if tied != "none" else {}
    if tied == "all":
        aliases["encoder/embeddings_0/weight"] = "decoder/embeddings/weight"
    if config.positions != "rotary":
        encodings = "position_encodings/encodings"
        variables[f"decoder/{encodings}"] = Weight((config.max_length, config.width), (POSITIONS,))
        aliases[f"encoder/{encodings}"] = f"decoder/{encodings}"
    kept = {name: each for name, each in sorted(variables.items()) if name not in aliases}
    return Layout(kept, dict(sorted(aliases.items())))


def _settings(config: TransformerConfig) -> dict[str, Setting]:
    """The settings of both sides, all that CTranslate2's own converter writes."""
    both = {
        "activation": np.int8(ACTIVATIONS[config.activation]), "num_heads": np.int16(config.heads),
        "pre_norm": np.int8(config.norm == "pre"), "scale_embeddings": np.int8(1),
    }  # fmt: skip
    encoder = {"embeddings_merge": np.int8(0), "multi_query_attention": np.int8(0)}
    decoder = {
        "alibi": np.int8(0), "alibi_use_positive_positions": np.int8(0), "scale_alibi": np.int8(0),
        "alignment_layer": np.int16(-1), "alignment_heads": np.int16(1), "start_from_zero_embedding": np.int8(0),
    }  # fmt: skip
    sides = {"encoder": both | encoder, "decoder": both | decoder}
    return {f"{side}/{name}": value for side, settings in sides.items() for name, value in settings.items()}


def _layer(config: TransformerConfig, side: str, number: int) -> dict[str, Weight | Setting]:
    name, origin, width = f"{side}/layer_{number}", f"{side}.{number}", config.width
    head = width // config.heads
    both = 2 * head * (config.key_value_heads or config.heads)  # keys and values
    attention, its = f"{name}/self_attention", f"{origin}.self_attention"
    found = {
        **_norm(f"{attention}/layer_norm", width, f"{origin}.around_self.norm"),
        **_linear(f"{attention}/linear_0", (width + both, width), f"{its}.query", f"{its}.key_value"),
        **_linear(f"{attention}/linear_1", (width, width), f"{its}.output"),
        **_feed_forward(config, f"{name}/ffn", origin),
    }
    if config.positions == "rotary":
        found[f"{attention}/rotary_dim"] = np.int32(head)
        found[f"{attention}/rotary_interleave"] = np.int8(1)
        found[f"{attention}/rotary_base"] = np.float32(10_000)
    attentions = [attention]
    if side == "decoder":
        attention, its = f"{name}/attention", f"{origin}.cross_attention"
        found |= _norm(f"{attention}/layer_norm", width, f"{origin}.around_cross.norm")
        for place, (part, rows) in enumerate((("query", width), ("key_value", both), ("output", width))):
            found |= _linear(f"{attention}/linear_{place}", (rows, width), f"{its}.{part}")
        attentions.append(attention)
    if config.key_value_heads:
        found |= {f"{each}/num_heads_kv": np.int32(config.key_value_heads) for each in attentions}
    return found


def _feed_forward(config: TransformerConfig, name: str, origin: str) -> dict[str, Weight]:
    """Two linear maps; of swiglu three, as the first consists of the gate, which is activated, and the value."""
    width, inner, expand = config.width, config.feed_forward, f"{origin}.feed_forward.expand"
    found = {
        **_norm(f"{name}/layer_norm", width, f"{origin}.around_feed_forward.norm"),
        **_linear(f"{name}/linear_0", (inner, width), expand),
        **_linear(f"{name}/linear_1", (width, inner), f"{origin}.feed_forward.contract"),
    }
    if config.activation == "swiglu":
        found |= _linear(f"{name}/linear_0_noact", (inner, width), expand, first=inner)
    return found


def _linear(name: str, shape: tuple[int, int], *origin: str, first: int = 0) -> dict[str, Weight]:
    """One linear map, or several of one input as one."""
    weights, biases = (tuple(f"{each}.{part}" for each in origin) for part in ("weight", "bias"))
    return {f"{name}/weight": Weight(shape, weights, first), f"{name}/bias": Weight(shape[:1], biases, first)}


def _norm(name: str, width: int, origin: str) -> dict[str, Weight]:
    return {
        f"{name}/gamma": Weight((width,), (f"{origin}.weight",)),
        f"{name}/beta": Weight((width,), (f"{origin}.bias",)),
    }


def entries(name: str, variable: Weight | Setting, quantization: str) -> Iterator[Entry]:
    """The rows of one variable: a matrix of integers is followed by its scale, or the scales of its rows."""
    if not isinstance(variable, Weight):
        yield _entry(name, (), variable.dtype.name)
        return
    is_matrix = name.endswith("/weight")
    number_format = QUANTIZATIONS[quantization][0 if is_matrix else 1]
    yield _entry(name, variable.shape, number_format)
    if number_format.startswith("int"):
        yield _entry(f"{name}_scale", variable.shape[:1] if number_format == "int8" else (), "float32")


def _entry(name: str, shape: tuple[int, ...], number_format: str) -> Entry:
    return Entry(name, shape, [*FORMATS].index(number_format), math.prod(shape) * FORMATS[number_format])


def name_of_format(entry: Entry) -> str:
    """The number format of a row that `entries` gave."""
    return [*FORMATS][entry.format]


def packed(entry: Entry) -> bytes:
    """A row of the table as the file has it. Raises NMTError for a variable that is too large for the format."""
    if entry.bytes > LARGEST:
        raise NMTError(
            f"{entry}: CTranslate2's format holds at most {LARGEST:,} bytes of a variable",
            hint="export with a smaller number format, or train a model with a smaller vocabulary",
        )
    rank = len(entry.shape)
    return packed_string(entry.name) + struct.pack(f"<B{rank}IBI", rank, *entry.shape, entry.format, entry.bytes)


def packed_string(text: str) -> bytes:
    """A string as the file has it."""
    content = text.encode() + b"\0"
    return struct.pack("<H", len(content)) + content


def companions(tokenizers: Tokenizers) -> dict[str, bytes]:
    """The other files by name: how CTranslate2 treats special pieces, and the pieces by their ids."""
    unknown, begin, end = tokenizers.target.pieces((UNK, BOS, EOS))
    special = {
        "unk_token": unknown, "bos_token": begin, "eos_token": end, "decoder_start_token": begin,
        "add_source_bos": False, "add_source_eos": False, "layer_norm_epsilon": None, "multi_query_attention": False,
    }  # fmt: skip
    source, target = (each.vocabulary for each in tokenizers)
    vocabularies = {SHARED: source} if source == target else {SOURCE: source, TARGET: target}
    found = {CONFIG: special, **vocabularies}
    return {name: (json.dumps(value, indent=2) + "\n").encode() for name, value in found.items()}


def shown(name: str) -> str:
    """Shorten a name and escape what could steer a terminal: anybody may have chosen it."""
    return ascii(name)[1:-1][:_SHOWN]
