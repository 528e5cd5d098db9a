"""The shared form of a trained model: a folder that needs nothing beside it, and in which nothing can be executed.

    model.safetensors     float32 weights, tied ones once
    tokenizer.model       or source.model and target.model; normalisation is inside
    config.yaml           BundleConfig: what it takes to translate
    card.json, README.md  where the model comes from and how good it is, for programs and for people
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import ValidationError
from torch import Tensor

from nmt import config as settings
from nmt import files, tensors
from nmt.card import Card, readme
from nmt.config import Config, ModelConfig, SearchConfig, Section, TokenizerConfig
from nmt.data.tokenizer import Tokenizers, load_tokenizers, save_tokenizers
from nmt.errors import CheckpointError, ConfigError
from nmt.models import build
from nmt.models.base import Seq2Seq

FORMAT = 1
"""Counts up when an older nmt could misread what a newer one writes."""


class BundleConfig(Section):
    """What a translator must know: a part of the run's config that names no path of its author's machine."""

    format: int
    """Version of the bundle's form."""
    source_language: str
    """Code of the source language."""
    target_language: str
    """Code of the target language."""
    tokenizer: TokenizerConfig
    """Text <-> ids."""
    model: ModelConfig
    """The model; its `type` is gru, attention_rnn or transformer."""
    search: SearchConfig
    """How translations are found, unless the user says otherwise."""
    seed: int
    """Of the training."""
    digest: str
    """Names the settings of the training."""


class Bundle(NamedTuple):
    """A model that is ready to translate, with what it was made of."""

    model: Seq2Seq
    """In evaluation mode and float32."""
    tokenizers: Tokenizers
    config: BundleConfig
    card: dict[str, Any]


def digest(config: Config) -> str:
    """Names the settings that a model comes from: all but the places of its files and the search."""
    return settings.digest(config.data.cleaning, config.tokenizer, config.model, config.training)


def save(
    folder: str | Path, *, weights: dict[str, Tensor], tokenizers: Tokenizers, config: Config, facts: dict[str, Any]
) -> None:
    """Write a bundle in the place of `folder`. `facts` become its Card."""
    described = BundleConfig(
        format=FORMAT, source_language=config.data.source_language, target_language=config.data.target_language,
        tokenizer=config.tokenizer, model=config.model, search=config.search,
        seed=config.training.seed, digest=digest(config),
    )  # fmt: skip
    with files.replacing_folder(folder) as inside:
        tensors.write(inside / "model.safetensors", {name: weight.float() for name, weight in weights.items()})
        save_tokenizers(inside, tokenizers)
        files.write_text(inside / "config.yaml", settings.dump(described))
        describe(inside, facts)


def describe(folder: str | Path, facts: dict[str, Any]) -> None:
    """Write a bundle's card, or write it anew when more is known."""
    card = Card.model_validate(facts)
    files.write_text(Path(folder) / "card.json", json.dumps(card.model_dump(), indent=2, ensure_ascii=False) + "\n")
    files.write_text(Path(folder) / "README.md", readme(card))


def locate(path: str | Path) -> Path:
    """The bundle that `path` is or, when it is a run folder, holds. Raises CheckpointError where there is none."""
    path = Path(path)
    for folder in (path, path / "model"):
        if (folder / "model.safetensors").is_file() or (folder / "card.json").is_file():
            return folder
    if not path.exists():
        raise CheckpointError(f"{path}: no such folder", hint="give a run folder or a copy of its model/")
    if (path / "log.jsonl").is_file():
        raise CheckpointError(
            f"{path}: the run has no model yet", hint="it is written at the first evaluation: train on with --resume"
        )
    raise CheckpointError(f"{path}: is neither a run folder nor a model bundle", hint="`nmt train` makes them")


def load(path: str | Path, *, device: torch.device | str = "cpu") -> Bundle:
    """Read a bundle, or a run folder's, and check all of it. Raises CheckpointError that names the faulty file."""
    folder = locate(path)
    config = _config(folder / "config.yaml")
    card = _card(folder / "card.json")
    tokenizers = load_tokenizers(folder)
    with torch.random.fork_rng(devices=[]):  # fresh weights are drawn and thrown away
        model = build(config.model, tokenizers.source.size, tokenizers.target.size)
    weights = folder / "model.safetensors"
    tensors.fill(dict(model.named_parameters()), tensors.read(weights), name=str(weights))
    return Bundle(model.to(device).eval(), tokenizers, config, card)


def _config(path: Path) -> BundleConfig:
    try:
        value = settings.yaml.read(_existing(path))
        version = value.get("format") if isinstance(value, dict) else None
        if isinstance(version, int) and version > FORMAT:
            raise CheckpointError(
                f"{path}: the bundle has format {version}, and this nmt reads up to {FORMAT}",
                hint="install a newer nmt",
            )
        return settings.check(BundleConfig, value, name=str(path))
    except ConfigError as error:
        line = " ".join(error.message.split())
        raise CheckpointError(line, hint="the bundle is damaged, or was edited or made by another nmt") from error


def _card(path: Path) -> dict[str, Any]:
    try:
        return Card.model_validate_json(_existing(path).read_bytes()).model_dump()
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise CheckpointError(
            f"{path}: is no model card: {place}{': ' if place else ''}{fault['msg']}", hint="copy the file again"
        ) from error


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file", hint="the bundle is incomplete; copy the whole folder")
    return path
