"""Named tensors in safetensors files, which hold numbers and nothing that could be executed."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nmt import files
from nmt.errors import CheckpointError

SHOWN = 3
"""Names in an error message."""

DIFFERENT = "weights and config.yaml come from different models"


class Limit(TorchFunctionMode):
    """`with Limit(size, name=...)` lets torch.empty, of which weights are made, take at most `size` bytes.

    A config of a few bytes can ask for a model that fills any memory; there are no more weights than its file holds.
    Raises CheckpointError, blaming the file `name`, before too much is taken.
    """

    def __init__(self, size: int, *, name: str):
        super().__init__()
        self.left, self.name = size, name

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is torch.empty:
            asked = function(*args, **{**kwargs, "device": "meta"})
            self.left -= asked.numel() * asked.element_size()
            if self.left < 0:
                raise CheckpointError(
                    f"{self.name}: does not fit its config, which asks for a larger model", hint=DIFFERENT
                )
        return function(*args, **kwargs)


def write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write the tensors, wherever they live, in their own number format."""
    files.write_bytes(path, save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}))


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, on the CPU. Raises CheckpointError when it is missing or damaged."""
    try:
        return load(path.read_bytes())
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file", hint="the folder is incomplete; copy it again") from error
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise CheckpointError(f"{path}: is damaged or not a safetensors file", hint="copy the file again") from error


@torch.no_grad()
def fill(target: Mapping[str, Tensor], source: Mapping[str, Tensor], *, name: str) -> None:
    """Copy `source` into the tensors of `target`, which have the same names, shapes and formats, else CheckpointError.

    `name` is the file to blame.
    """
    faults = [
        *(f"{key} is missing" for key in target if key not in source),
        *(f"{key} is unknown" for key in source if key not in target),
        *(_difference(key, target[key], source[key]) for key in target if key in source),
    ]
    faults = [fault for fault in faults if fault]
    if faults:
        more = f" and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise CheckpointError(
            f"{name}: does not fit its config: {', '.join(faults[:SHOWN])}{more}",
            hint=DIFFERENT,
        )
    for key, tensor in target.items():
        tensor.copy_(source[key])


def _difference(name: str, expected: Tensor, found: Tensor) -> str | None:
    if expected.shape != found.shape:
        return f"{name} is {_shape(found)} and not {_shape(expected)}"
    if expected.dtype != found.dtype:
        return f"{name} is {found.dtype} and not {expected.dtype}".replace("torch.", "")
    return None


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
