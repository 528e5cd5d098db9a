"""To read a bundle and to check all of it: a fault is a CheckpointError that names the file."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from nmt import checksums
from nmt import config as settings
from nmt.bundle.form import (
    CARD,
    CONFIG,
    FORMAT,
    MOST_CARD,
    MOST_TAGS,
    MOST_TOKENIZER,
    WEIGHTS,
    Bundle,
    BundleConfig,
    Description,
)
from nmt.bundle.place import locate, unchanged
from nmt.card import Card
from nmt.config import ModelConfig
from nmt.data.tokenizer import MODELS, TAGS, Tokenizers, load_tokenizers
from nmt.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    import torch

    from nmt.models.base import Seq2Seq


def load(path: str | Path, *, device: "torch.device | str" = "cpu") -> Bundle:
    """Read a bundle, or a run folder's, and check all of it: a model in float32 with its tokenizers.

    Raises CheckpointError that names the faulty file.
    """
    return unchanged(path, lambda: _load(path, device))


def _load(path: str | Path, device: "torch.device | str") -> Bundle:
    described = _read(path)
    return Bundle(load_model(described, device=device), described.tokenizers, described.config, described.card)


def read(path: str | Path) -> Description:
    """All of a bundle but the weights. Raises CheckpointError that names the faulty file."""
    return unchanged(path, lambda: _read(path))


def _read(path: str | Path) -> Description:
    folder = locate(path)
    config = _config(folder / CONFIG)
    card = _card(folder / CARD)
    return Description(folder, _tokenizers(folder, config), config, card)


def load_model(
    described: Description, *, device: "torch.device | str" = "cpu", dtype: "torch.dtype | None" = None
) -> "Seq2Seq":
    """The model that belongs to it, in evaluation mode, computing in float32 unless said otherwise."""
    model = _model(described.folder / WEIGHTS, described.config.model, described.tokenizers)
    return model.to(device=device, dtype=dtype).eval()


def _config(path: Path) -> BundleConfig:
    checksums.check(path, most=settings.yaml.LARGEST)
    try:
        value = settings.yaml.read(path)
        version = value.get("format") if isinstance(value, dict) else None
        if isinstance(version, int) and version > FORMAT:
            raise CheckpointError(
                f"{path}: the bundle has format {version}, and this nmt reads up to {FORMAT}",
                hint="install a newer nmt",
            )
        if isinstance(value, dict) and isinstance(tokenizer := value.get("tokenizer"), dict):
            tokenizer.setdefault("spare", 0)  # of before there were slots
        return settings.check(BundleConfig, value, name=str(path))
    except ConfigError as error:
        line = " ".join(error.message.split())
        raise CheckpointError(line, hint="the bundle was edited or made by another nmt") from error


def _card(path: Path) -> dict[str, Any]:
    checksums.check_plain(path, most=MOST_CARD)
    try:
        return Card.model_validate_json(path.read_bytes()).model_dump()
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise CheckpointError(
            f"{path}: is no model card: {place}{': ' if place else ''}{fault['msg']}", hint="copy the file again"
        ) from error


def _tokenizers(folder: Path, config: BundleConfig) -> Tokenizers:
    for name in MODELS:
        checksums.check(folder / name, most=MOST_TOKENIZER)
    if config.tokenizer.spare or os.path.lexists(folder / TAGS):
        checksums.check(folder / TAGS, most=MOST_TAGS)
    tokenizers = load_tokenizers(folder)
    if config.tokenizer.shared and tokenizers.source.vocabulary != tokenizers.target.vocabulary:
        raise CheckpointError(
            f"{folder}: {' and '.join(MODELS)} hold different pieces, but its config says tokenizer.shared: true",
            hint="files of two models were mixed; copy the whole folder again",
        )
    return tokenizers


def _model(path: Path, config: ModelConfig, tokenizers: Tokenizers) -> "Seq2Seq":
    import torch

    from nmt import tensors
    from nmt.models import build

    checksums.check_plain(path)
    sizes = tokenizers.source.size, tokenizers.target.size
    with tensors.Shapes():  # a config of a few bytes can ask for more than any memory holds
        expected = dict(build(config, *sizes).named_parameters())
    tensors.check_header(path, expected)
    checksums.check(path)
    with torch.random.fork_rng(devices=[]):  # fresh weights, soon thrown away
        model = build(config, *sizes)
    weights = dict(model.named_parameters())
    tensors.fill(weights, tensors.read(path), name=str(path))
    for name, weight in weights.items():
        if not weight.isfinite().all():
            raise CheckpointError(f"{path}: {name} holds an infinity, or what is not a number", hint="train it again")
    return model
