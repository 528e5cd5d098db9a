"""The weights of a Transformer in CTranslate2's binary format (nmt/decoding/ctranslate2_format.py).

Positions become a table, because CTranslate2's own sines begin at 1 and come before all cosines. A model without
positions gets a table of zeros, because CTranslate2 would add its own.
"""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import torch
from torch import Tensor

from nmt import files
from nmt.bundle import Bundle
from nmt.config import TransformerConfig
from nmt.decoding import ctranslate2_format as form
from nmt.decoding.engine import CTRANSLATE2_WEIGHTS
from nmt.errors import NMTError
from nmt.layers.position import sinusoidal

QUANTIZATIONS = tuple(form.QUANTIZATIONS)
"""Number formats of the weights."""


def write(folder: Path, bundle: Bundle, *, quantization: str) -> None:
    """Write CTranslate2's files into an existing folder. Raises NMTError for an unknown number format and for a weight
    that is larger than the format allows."""
    if quantization not in QUANTIZATIONS:
        raise NMTError(f'unknown quantization "{quantization}"', hint=f"use one of {', '.join(QUANTIZATIONS)}")
    config, tokenizers = bundle.config.model, bundle.tokenizers
    layout = form.layout(config, tokenizers.source.size, tokenizers.target.size)
    weights = {name: weight.detach() for name, weight in bundle.model.named_parameters()}
    weights.setdefault(form.POSITIONS, _positions(config))
    with files.replacing(folder / CTRANSLATE2_WEIGHTS, "wb") as file:
        _write(file, layout, weights, quantization)
    for name, content in form.companions(tokenizers).items():
        files.write_bytes(folder / name, content)


def _positions(config: TransformerConfig) -> Tensor:
    if config.positions == "sinusoidal":
        return sinusoidal(config.max_length, config.width)
    return torch.zeros(config.max_length, config.width)


def _write(file: IO[bytes], layout: form.Layout, weights: Mapping[str, Tensor], quantization: str) -> None:
    table = {name: [*form.entries(name, each, quantization)] for name, each in layout.variables.items()}
    file.write(form.HEAD + struct.pack("<I", sum(map(len, table.values()))))
    for name, variable in layout.variables.items():
        rows = table[name]
        if isinstance(variable, form.Weight):
            numbers = [_bytes(each) for each in _converted(_weight(variable, weights), rows)]
        else:
            numbers = [variable.tobytes()]
        for entry, content in zip(rows, numbers, strict=True):
            file.write(form.packed(entry) + content)
    file.write(struct.pack("<I", len(layout.aliases)))
    for alias in layout.aliases.items():
        file.write(b"".join(map(form.packed_string, alias)))


def _weight(variable: form.Weight, weights: Mapping[str, Tensor]) -> Tensor:
    joined = torch.cat([weights[name] for name in variable.origin])
    return joined[variable.first : variable.first + variable.shape[0]]


def _converted(weight: Tensor, rows: list[form.Entry]) -> list[Tensor]:
    """A weight in the number format of its row of the table; of integers also what they were multiplied by.

    An integer is w * scale, rounded. In int8 the largest weight of a row becomes 127. In int16 the largest weight of a
    matrix becomes 1024, so that products have 20 bits and their sum has room for 12 more.
    """
    kind = getattr(torch, form.name_of_format(rows[0]))
    if kind.is_floating_point:
        return [weight.to(kind)]
    largest = weight.abs().amax(1) if kind == torch.int8 else weight.abs().amax()
    most = 127 if kind == torch.int8 else 1 << 10
    largest = torch.where(largest == 0, most, largest).clamp(min=most / torch.finfo(torch.float32).max)
    scale = torch.full_like(largest, most) / largest  # a number by a tensor would be rounded twice
    return [(weight * scale[..., None] if kind == torch.int8 else weight * scale).round().to(kind), scale]


def _bytes(numbers: Tensor) -> bytes:
    return numbers.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
