"""What a run that goes on from a finished model takes from it: settings, weights, and which of these stay frozen.

The rest is a training like any other. Pieces that were appended to the vocabulary get new rows in the embeddings and
the output layer,

    E[new] = mean of E[piece] over the pieces that spelled it before,

and every other weight begins as it was, bit for bit.
"""

from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nmt import bundle, checksums
from nmt import config as settings
from nmt.config import Config, FinetuneConfig, Section
from nmt.config.paths import ConfigPath, Typed
from nmt.data.tokenizer import Tokenizer, Tokenizers
from nmt.data.vocabulary import origins
from nmt.decoding.engine import is_exported
from nmt.errors import CheckpointError, ConfigError
from nmt.escapes import shell
from nmt.models import build
from nmt.models.base import Seq2Seq
from nmt.training import run_folder

_OF_DATA = ("source_language", "target_language", "target_order")
"""Settings of the section that a model knows; of a model for several languages some may go on with one."""
_OF_MODEL = ("entropy", "stochastic_depth", "max_length")
_OF_TOKENIZER = ("sampling", "sample", "seed")
"""Settings of the two sections, beside every dropout, that concern the training alone."""


class _Places(Section):
    """What must be known before the whole can be checked."""

    run: ConfigPath
    finetune: FinetuneConfig


def configure(
    path: str | Path, overrides: Sequence[str] = (), *, model: str | Path | None = None, resume: bool = False
) -> Config:
    """The whole config of a finetuning from the part that a user writes: the text, the training, and what differs.

    Model, tokenizer, the order of the target, and, where they are not given, languages and search are those of `model`,
    a run folder or bundle (by default the config's finetune.model). A language that the model does not know is one to
    learn (Zoph 2016); a direction against its own is refused. A run that is to be resumed knows them itself once it has
    begun. Raises ConfigError that names each setting which cannot differ, and CheckpointError when there is no model to
    go on from.
    """
    value, folder = settings.read(path, overrides), Path(path).absolute().parent
    given = _section(value, "finetune")
    if model is not None:
        given["model"] = Typed(model)
    if "model" not in given:
        hint = "give --model, or finetune.model in the config"
        raise ConfigError(f"{path}: which model shall be finetuned?", hint=hint)
    where = {name: value[name] for name in ("run",) if name in value}
    where["finetune"] = given if _is_section(value, "finetune") else value["finetune"]  # which the check refuses
    places = settings.check(_Places, where, name=str(path), folder=folder)
    run, place = places.run, places.finetune.model
    origin, checksum = (_own if resume and run_folder.has_checkpoint(run) else _origin)(run, place)
    known = origin.model_dump(mode="json")
    data = {name: known.get(name) or known["data"][name] for name in _OF_DATA}
    fixed = {"model": known["model"], "tokenizer": known["tokenizer"], "data": {"target_order": data["target_order"]}}
    faults = [fault for name in fixed for fault in _faults(name, _section(value, name), fixed)]
    faults += _turned(_section(value, "data"), data)
    if faults:
        lines = "".join(f"\n  {line}" for line in faults)
        raise ConfigError(
            f"{path}: {place} is another model{lines}",
            hint="leave these settings out, they come with the model; what may differ is dropout, for one",
        )
    defaults = {"data": data, **{name: known[name] for name in ("tokenizer", "model", "search")}}
    filled = {name: {**each, **_section(value, name)} for name, each in defaults.items() if _is_section(value, name)}
    whole = {**value, **filled, "finetune": {**given, "checksum": checksum}}
    config = settings.check(Config, whole, name=str(path), folder=folder)
    with torch.device("meta"):  # without numbers, as only the names of the parts are asked for
        freeze(build(config.model, 8, 8), config.finetune.freeze, kind=config.model.type)
    return config


def _section(value: dict[str, Any], name: str) -> dict[str, Any]:
    """A copy of a section as it was given."""
    return dict(value[name]) if name in value and _is_section(value, name) else {}


def _is_section(value: dict[str, Any], name: str) -> bool:
    """Whether there is nothing, or a mapping; what else there is the check of the whole refuses."""
    return name not in value or isinstance(value[name], dict)


def _origin(run: Path, model: Path) -> tuple[bundle.BundleConfig, str]:
    """What a bundle says of itself, and its checksum."""
    described = bundle.read(model)
    if is_exported(described):
        raise CheckpointError(
            f"{described.folder}: is an exported model, which cannot be trained",
            hint="finetune the bundle that it was exported from",
        )
    if described.folder.resolve().is_relative_to(run.resolve()):
        hint = "name another run folder with run=..."
        raise ConfigError(f"{run}: the run would replace the model that it goes on from", hint=hint)
    return described.config, checksums.sha256(described.folder / checksums.NAME)


def _own(run: Path, model: Path) -> tuple[Config, str]:
    """The same as a run knows it that has begun: the model may be gone by now, but it must not be another one."""
    config = settings.load(run / run_folder.CONFIG)
    known = config.finetune.checksum if config.finetune else None
    with suppress(CheckpointError):
        if known != checksums.sha256(bundle.locate(model) / checksums.NAME):
            raise ConfigError(
                f"{run}: did not begin with {model} as it is now",
                hint=f"`nmt train --config {shell(run / run_folder.CONFIG)} --resume` goes on without it",
            )
    return config, known


def _faults(name: str, given: dict[str, Any], known: dict[str, Any]) -> list[str]:
    """The settings of a section that cannot be others than those that the weights were trained with."""
    free = _OF_MODEL if name == "model" else _OF_TOKENIZER
    learned = name == "model" and known["model"].get("positions") == "learned"
    return [
        f"{name}.{key}: {value}, but it has {known[name][key]}"
        for key, value in given.items()
        if key in known[name] and value != known[name][key]
        and (not (key in free or key.endswith("dropout")) or (key == "max_length" and learned))
    ]  # fmt: skip


def _turned(given: dict[str, Any], known: dict[str, Any]) -> list[str]:
    """The languages that the model has on the other side alone."""
    names = ("source_language", "target_language")
    return [
        f"data.{name}: {given[name]}, but it has {known[name]}"
        for name, other in zip(names, reversed(names), strict=True)
        if given.get(name) in known[other].split("+") and given[name] not in known[name].split("+")
    ]


def weights(given: FinetuneConfig, tokenizers: Tokenizers) -> dict[str, Tensor]:
    """The weights to begin with, by name, for the tokenizers that the new text gets.

    Raises CheckpointError when the model is damaged, or no longer the one that the config was made for.
    """
    model, before, _, _ = bundle.load(given.model)
    if checksums.sha256(bundle.locate(given.model) / checksums.NAME) != given.checksum:
        raise CheckpointError(f"{given.model}: has changed meanwhile", hint="finetune a copy of it")
    found = {name: weight.detach() for name, weight in model.named_parameters()}
    for name, side in (("source", "source"), ("target", "target"), ("output", "target")):
        key = f"embeddings.{name}_weight"
        if key in found:
            found[key] = _with_rows(found[key], getattr(before, side), getattr(tokenizers, side))
    return found


def _with_rows(weight: Tensor, old: Tokenizer, new: Tokenizer) -> Tensor:
    """[V, D] -> [V + appended, D]"""
    rows = [weight[ids].mean(0) for ids in origins(old, new)]
    return torch.cat([weight, torch.stack(rows)]) if rows else weight


def freeze(model: Seq2Seq, names: Sequence[str], *, kind: str) -> None:
    """Parts of the model learn nothing any more. Raises ConfigError for a name that is none, or when nothing is left
    to learn; `kind` is the model's type."""
    parts = model.parts()
    for name in names:
        if name not in parts:
            near = get_close_matches(name, parts, n=1)
            hint = f'did you mean "{near[0]}"?' if near else None
            message = f'finetune.freeze: "{name}" is no part of this {kind}, whose parts are {", ".join(parts)}'
            raise ConfigError(message, hint=hint)
        for part in parts[name]:
            for weight in part.parameters() if isinstance(part, nn.Module) else [part]:
                weight.requires_grad_(False)
    left = {id(weight) for weight in model.parameters() if weight.requires_grad}
    if left <= {id(weight) for weight in parts["output"]}:
        raise ConfigError(
            f"finetune.freeze: {', '.join(names)} leave nothing to learn but the output layer",
            hint="leave out one of them",
        )
