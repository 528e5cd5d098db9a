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
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from nmt import checksums
from nmt.config import ModelConfig, TransformerConfig
from nmt.config.export import obstacle
from nmt.data.tokenizer import Tokenizers
from nmt.errors import CheckpointError, NMTError
from nmt.ids import BOS, EOS, UNK

WEIGHTS, CONFIG = "model.bin", "config.json"
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

_AGAIN = "copy the whole folder again, or export the model again"
_CHUNK = 1 << 20  # bytes of weights that are looked at together
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
        return f"{_shown(self.name)} ({kind}, {shape}, {self.bytes:,} bytes)"


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
    """The files beside model.bin: how CTranslate2 treats special pieces, and the pieces by their ids."""
    unknown, begin, end = tokenizers.target.pieces((UNK, BOS, EOS))
    special = {
        "unk_token": unknown, "bos_token": begin, "eos_token": end, "decoder_start_token": begin,
        "add_source_bos": False, "add_source_eos": False, "layer_norm_epsilon": None, "multi_query_attention": False,
    }  # fmt: skip
    source, target = (each.vocabulary for each in tokenizers)
    vocabularies = {SHARED: source} if source == target else {SOURCE: source, TARGET: target}
    found = {CONFIG: special, **vocabularies}
    return {name: (json.dumps(value, indent=2) + "\n").encode() for name, value in found.items()}


def check(folder: Path, config: ModelConfig, tokenizers: Tokenizers) -> None:
    """Raise CheckpointError unless the files of a folder are those that a config and its tokenizers ask for, whole and
    with numbers that are finite."""
    if why := obstacle(config):
        raise CheckpointError(f"{folder}: holds {WEIGHTS}, but by its config {why}", hint=_AGAIN)
    expected = companions(tokenizers)
    for name, content in expected.items():
        checksums.check_plain(folder / name, most=len(content))
        if (folder / name).read_bytes() != content:
            raise CheckpointError(
                f"{folder / name}: is damaged or was changed: it is not what the tokenizers ask for", hint=_AGAIN
            )
    for name in sorted(each.name for each in folder.iterdir()):
        if ("vocabulary" in name or name == "vmap.txt") and name not in expected:
            raise CheckpointError(
                f"{folder / name}: CTranslate2 would read this file, which does not belong to the model",
                hint="remove it",
            )
    path = folder / WEIGHTS
    checksums.check_plain(path)
    with open(path, "rb") as file:
        table = _Reader(file, path).table(layout(config, tokenizers.source.size, tokenizers.target.size))
        checksums.check(path)
        for entry, begin in table:
            file.seek(begin)
            if not _are_finite(file, entry):
                raise CheckpointError(
                    f"{path}: {entry.name} holds an infinity, or what is not a number",
                    hint="export the model again, with another --quantization if the original has finite weights",
                )


def _are_finite(file: IO[bytes], entry: Entry) -> bool:
    """Whether the numbers that come next are finite, and positive if they are scales, by which CTranslate2 divides."""
    kind, left = name_of_format(entry), entry.bytes
    while left and "float" in kind:
        content = file.read(min(left, _CHUNK))
        if kind == "bfloat16":  # the upper half of a float32
            numbers = (np.frombuffer(content, "<u2").astype("<u4") << 16).view("<f4")
        else:
            numbers = np.frombuffer(content, np.dtype(kind))
        least = numbers.min() > 0 if entry.name.endswith("_scale") else True
        if not (least and np.isfinite(numbers).all()):
            return False
        left -= len(content)
    return True


class _Reader:
    """Reads the table of an open file and refuses it at the first place that is not as expected."""

    def __init__(self, file: IO[bytes], path: Path):
        self.file, self.path, self.size = file, path, path.stat().st_size

    def table(self, expected: Layout) -> list[tuple[Entry, int]]:
        """The variables, and where in the file their numbers begin."""
        if self._take(len(HEAD)) != HEAD:
            raise self._fault("its first bytes are not those of CTranslate2's Transformer")
        tables = [
            [each for name, variable in expected.variables.items() for each in entries(name, variable, kind)]
            for kind in QUANTIZATIONS
        ]
        count = self._number("I")
        possible = [each for each in tables if len(each) == count]
        if not possible:
            lengths = " or ".join(map(str, sorted({len(each) for each in tables})))
            raise self._fault(f"expected {lengths} variables, found {count:,}")
        found: list[tuple[Entry, int]] = []
        for place in range(count):
            entry = Entry(self._string(), self._shape(), self._number("B"), self._number("I"))
            wanted, possible = possible[0][place], [each for each in possible if each[place] == entry]
            if not possible:
                raise self._fault(f"expected {wanted}, found {entry}")
            found.append((entry, self.file.tell()))
            setting = expected.variables.get(entry.name)
            if isinstance(setting, Setting):
                number = np.frombuffer(self._take(entry.bytes), setting.dtype)[0]
                if number != setting:
                    raise self._fault(f"{entry.name}: expected {setting}, found {number}")
            else:
                self._skip(entry.bytes)
        self._check_aliases(expected.aliases)
        return found

    def _check_aliases(self, expected: Mapping[str, str]) -> None:
        count = self._number("I")
        if count != len(expected):
            raise self._fault(f"expected {len(expected)} aliases, found {count:,}")
        for wanted in expected.items():
            alias = self._string(), self._string()
            if alias != wanted:
                raise self._fault(f"expected the alias {_named(wanted)}, found {_named(alias)}")
        if more := self.size - self.file.tell():
            raise self._fault(f"{more:,} bytes follow its end")

    def _shape(self) -> tuple[int, ...]:
        return tuple(self._number("I") for _ in range(self._number("B")))

    def _string(self) -> str:
        content = self._take(self._number("H"))
        if not content.endswith(b"\0"):
            raise self._fault("a name does not end with a zero byte")
        return content[:-1].decode(errors="replace")

    def _number(self, kind: str) -> int:
        return struct.unpack(f"<{kind}", self._take(struct.calcsize(f"<{kind}")))[0]

    def _take(self, size: int) -> bytes:
        self._check_left(size)
        return self.file.read(size)

    def _skip(self, size: int) -> None:
        self._check_left(size)
        self.file.seek(size, os.SEEK_CUR)

    def _check_left(self, size: int) -> None:
        if size > self.size - self.file.tell():
            raise self._fault(f"ends early, after {self.size:,} bytes")

    def _fault(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self.path}: does not fit its config and tokenizers: {what}", hint=_AGAIN)


def _named(alias: tuple[str, str]) -> str:
    return " = ".join(map(_shown, alias))


def _shown(name: str) -> str:
    """A name as a message may hold it, whoever chose it."""
    return ascii(name)[1:-1][:_SHOWN]
