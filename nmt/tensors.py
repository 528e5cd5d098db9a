"""Named tensors in safetensors files, which hold numbers and nothing that could be executed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nmt import files, strict_json
from nmt.errors import CheckpointError

SHOWN = 3
"""Names in an error message."""

DIFFERENT = "weights and config.yaml come from different models"

MOST_HEADER = 1 << 24
"""Bytes of the table before the numbers."""

_NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
_LONGEST, _RANKS = 80, 8  # characters of a name and sizes of a shape in a message


class Shapes(TorchFunctionMode):
    """`with Shapes():` builds a model of any size in an instant and takes no memory: its weights have shapes alone.

    Only torch.empty, of which weights are made, gives tensors on torch's meta device, as arithmetic there imports
    torch's compiler, which takes seconds. Tables that are computed, such as positions, begin with torch.arange and are
    made for one number.
    """

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is torch.empty:
            return function(*args, **{**kwargs, "device": "meta"})
        if function is torch.arange:
            return function(1)
        if function in (Tensor.normal_, Tensor.uniform_):
            return args[0]
        if getattr(function, "__module__", None) == nn.init.__name__:
            return kwargs["tensor"]
        return function(*args, **kwargs)


def write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write the tensors, wherever they live, in their own number format."""
    files.write_bytes(path, save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}))


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, on the CPU. Raises CheckpointError when it is missing or damaged."""
    with _explained(path):
        return load(path.read_bytes())


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file", hint="the folder is incomplete; copy it again") from error
    except (SafetensorError, ValueError, KeyError, RuntimeError, RecursionError) as error:
        raise CheckpointError(f"{path}: is damaged or not a safetensors file", hint="copy the file again") from error


def check_header(path: Path, expected: Mapping[str, Tensor]) -> None:
    """Raise CheckpointError unless the header of a file names tensors of these names, shapes and formats, and no more.

    No tensor is read, so a file of any size takes no memory. `expected` may be on torch's meta device.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > MOST_HEADER:
            raise CheckpointError(
                f"{path}: expected a header of at most {MOST_HEADER:,} bytes, found {length:,}",
                hint="copy the file again",
            )
        with _explained(path):
            strict_json.parse(file.read(length))  # safetensors would take the last of two tensors of one name
    with _explained(path), safe_open(path, framework="pt") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
        found = {name: _Form(tuple(each.get_shape()), each.get_dtype()) for name, each in slices.items()}
    _compare({name: _form(tensor) for name, tensor in expected.items()}, found, name=str(path))


@torch.no_grad()
def fill(target: Mapping[str, Tensor], source: Mapping[str, Tensor], *, name: str) -> None:
    """Copy `source` into the tensors of `target`, which have the same names, shapes and formats, else CheckpointError.

    `name` is the file to blame.
    """
    _compare(*({key: _form(tensor) for key, tensor in each.items()} for each in (target, source)), name=name)
    for key, tensor in target.items():
        tensor.copy_(source[key])


class _Form(NamedTuple):
    shape: tuple[int, ...]
    format: str
    """As safetensors names it."""


def _form(tensor: Tensor) -> _Form:
    return _Form(tuple(tensor.shape), _NAMES.get(tensor.dtype, str(tensor.dtype)))


def _compare(expected: Mapping[str, _Form], found: Mapping[str, _Form], *, name: str) -> None:
    """Raise CheckpointError that names the first differences."""
    faults = [
        *(f"{key} is missing" for key in expected if key not in found),
        *(f"{ascii(key)[1:-1][:_LONGEST]} is unknown" for key in found if key not in expected),
        *(_difference(key, expected[key], found[key]) for key in expected if key in found),
    ]
    faults = [fault for fault in faults if fault]
    if faults:
        more = f" and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise CheckpointError(
            f"{name}: does not fit its config: {', '.join(faults[:SHOWN])}{more}",
            hint=DIFFERENT,
        )


def _difference(name: str, expected: _Form, found: _Form) -> str | None:
    if expected.shape != found.shape:
        return f"{name} is {_shape(found)} and not {_shape(expected)}"
    if expected.format != found.format:
        return f"{name} is {_named(found)} and not {_named(expected)}"
    return None


def _named(form: _Form) -> str:
    """The number format as torch names it."""
    names = {its: str(dtype).removeprefix("torch.") for dtype, its in _NAMES.items()}
    return names.get(form.format, form.format)


def _shape(form: _Form) -> str:
    return "x".join(map(str, form.shape[:_RANKS])) or "a number"
