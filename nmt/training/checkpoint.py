"""Checkpoints: all that training needs to go on exactly as if it had never stopped.

    weights.safetensors     float32
    training.safetensors    optimizer, averages (only in last/)
    state.json              counters and scores
    SHA256SUMS              what the others held when they were written
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from nmt import checksums, files, tensors
from nmt.errors import CheckpointError
from nmt.training.state import State

WEIGHTS, TRAINING, STATE = "weights.safetensors", "training.safetensors", "state.json"

FORMAT = 1
"""Counts up when an older nmt could misread what a newer one writes."""

Tensors = dict[str, Tensor]


def save(folder: Path, *, weights: Tensors, state: State, training: Mapping[str, Tensors] | None = None) -> None:
    """Write a checkpoint in the place of `folder`; `training` holds groups of named tensors."""
    with files.replacing_folder(folder) as inside:
        tensors.write(inside / WEIGHTS, weights)
        if training is not None:
            named = {f"{group}/{name}": each for group, inner in training.items() for name, each in inner.items()}
            tensors.write(inside / TRAINING, named)
        files.write_text(inside / STATE, json.dumps({"format": FORMAT, **state.to_json()}, indent=2) + "\n")
        checksums.write(inside, [WEIGHTS, STATE] if training is None else [WEIGHTS, TRAINING, STATE])


def load(folder: Path) -> tuple[State, Tensors, Tensors]:
    """State, weights and training of a checkpoint. Raises CheckpointError when it is incomplete or damaged."""
    for name in (STATE, WEIGHTS, TRAINING):
        checksums.check(folder / name)
    return read_state(folder), tensors.read(folder / WEIGHTS), tensors.read(folder / TRAINING)


def group(name: str, training: Tensors) -> Tensors:
    """One of the groups that were saved."""
    start = f"{name}/"
    return {key[len(start) :]: tensor for key, tensor in training.items() if key.startswith(start)}


def read_state(folder: Path) -> State:
    """The counters and scores of a checkpoint. Raises CheckpointError when they are missing or damaged."""
    path = folder / STATE
    value: dict[str, Any] = {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        version = value.pop("format")
        if version == FORMAT:
            return State.from_json(value)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file", hint="start anew with --force") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: is damaged", hint="start anew with --force") from error
    raise CheckpointError(
        f"{path}: the checkpoint has format {version}, and this nmt reads {FORMAT}",
        hint="resume with the nmt that wrote it, or start anew with --force",
    )
