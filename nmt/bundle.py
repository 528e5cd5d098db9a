"""The shared form of a trained model: a folder that needs nothing beside it, and in which nothing can be executed.

    model.safetensors     float32 weights, tied ones once
    tokenizer.model       or source.model and target.model; normalisation is inside
    tags.json             ids of the tags that may stand before a source; bundles of before have none
    config.yaml           BundleConfig: what it takes to translate
    SHA256SUMS            what these files held when they were written
    card.json, README.md  where the model comes from and how good it is, for programs and for people

An exported model (see nmt/export) is a bundle with another engine's files in the place of the weights. What is not the
weights is read without torch.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pydantic import ValidationError

from nmt import checksums, files
from nmt import config as settings
from nmt.card import Card, readme
from nmt.config import Config, ModelConfig, SearchConfig, Section, TokenizerConfig
from nmt.config.data import TargetOrder
from nmt.config.run import vocabulary_conflicts
from nmt.config.section import Conflict
from nmt.data.tokenizer import TAGS, Tokenizers, load_tokenizers, save_tokenizers
from nmt.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from nmt.models.base import Seq2Seq

WEIGHTS, CONFIG, CARD, README = "model.safetensors", "config.yaml", "card.json", "README.md"
SHARED, SEPARATE = ["tokenizer.model"], ["source.model", "target.model"]

FORMAT = 1
"""Counts up when an older nmt could misread what a newer one writes."""

MOST_WEIGHTS, MOST_HEADER, MOST_TOKENIZER, MOST_CARD = 1 << 36, 1 << 24, 1 << 27, 1 << 20
"""Bytes of the weights, of what stands before them, of a tokenizer and of a card: a larger file is not even read."""
MOST_TAGS = 1 << 17
"""Likewise of tags.json: a hundred bytes for each slot that a tokenizer may have."""
DESCRIPTIONS = (CARD, README)
"""Files that may be written anew when more is known."""
MOST_EXCHANGES = 10
"""How often a bundle may become another while it is read."""


Read = TypeVar("Read")


class BundleConfig(Section):
    """What a translator must know: a part of the run's config that names no path of its author's machine."""

    format: int
    """Version of the bundle's form."""
    source_language: str
    """Code of the source language."""
    target_language: str
    """Code of the target language."""
    target_order: TargetOrder = "left_to_right"
    """From which end the model writes a translation."""
    tokenizer: TokenizerConfig
    """Text <-> ids."""
    model: ModelConfig
    """The model; its `type` is gru, attention_rnn, transformer or ntm."""
    search: SearchConfig
    """How translations are found, unless the user says otherwise."""
    seed: int
    """Of the training."""
    digest: str
    """Names the settings of the training."""

    def conflicts(self) -> Iterator[Conflict]:
        yield from vocabulary_conflicts(self)


class Description(NamedTuple):
    """All that a bundle holds but for the weights."""

    folder: Path
    tokenizers: Tokenizers
    config: BundleConfig
    card: dict[str, Any]


class Bundle(NamedTuple):
    """A model that is ready to translate, with what it was made of."""

    model: "Seq2Seq"
    """In evaluation mode."""
    tokenizers: Tokenizers
    config: BundleConfig
    card: dict[str, Any]


def digest(config: Config) -> str:
    """Names the settings that a model comes from: all but the places of its files and the search."""
    nowhere = {"source": (), "target": (), "tsv": ()}
    texts = [text.model_copy(update=nowhere) for text in config.data.texts]
    if len(texts) == 1 and (texts[0].weight, texts[0].tag) == (1, None):
        texts = []  # whose digest is that of before there were several
    sections = [*texts, config.data.cleaning, config.tokenizer, config.model, config.training]
    if config.finetune:  # what it goes on from is known by its checksum
        words = config.finetune.words and Path(config.finetune.words.name)
        sections.append(config.finetune.model_copy(update={"model": Path(), "words": words}))
    return settings.digest(*sections)


def save(
    folder: str | Path, *, weights: "dict[str, Tensor]", tokenizers: Tokenizers, config: Config, facts: dict[str, Any]
) -> None:
    """Write a bundle in the place of `folder`. `facts` become its Card."""
    from nmt import tensors

    described = BundleConfig(
        format=FORMAT, source_language=config.data.source_language, target_language=config.data.target_language,
        target_order=config.data.target_order, tokenizer=config.tokenizer, model=config.model, search=config.search,
        seed=config.training.seed, digest=digest(config),
    )  # fmt: skip
    with files.replacing_folder(folder) as inside:
        tensors.write(inside / WEIGHTS, {name: weight.float() for name, weight in weights.items()})
        save_tokenizers(inside, tokenizers)
        files.write_text(inside / CONFIG, settings.dump(described))
        seal(inside)
        describe(inside, facts)


def seal(folder: Path) -> None:
    """Note what the files hold; once more after a change by hand that is meant."""
    names = (WEIGHTS, CONFIG, *SHARED, *SEPARATE, TAGS)
    checksums.write(folder, [name for name in names if (folder / name).exists()])


def describe(folder: str | Path, facts: dict[str, Any]) -> None:
    """Write a bundle's card, or write it anew when more is known."""
    card = Card.model_validate(facts)
    files.write_text(Path(folder) / CARD, json.dumps(card.model_dump(), indent=2, ensure_ascii=False) + "\n")
    files.write_text(Path(folder) / README, readme(card))


def name_of(path: Path) -> str:
    """What people call a model: the name of its run, which holds the bundle `model`, or of the folder itself."""
    return path.parent.name if path.name == "model" else path.name


def locate(path: str | Path) -> Path:
    """The bundle that `path` is or, when it is a run folder, holds. Raises CheckpointError where there is none."""
    path = Path(path)
    for folder in (path, path / "model"):
        if (folder / WEIGHTS).is_file() or (folder / CARD).is_file():
            return folder
    if not path.exists():
        raise CheckpointError(f"{path}: no such folder", hint="give a run folder or a copy of its model/")
    if (path / "log.jsonl").is_file():
        raise CheckpointError(
            f"{path}: the run has no model yet", hint="it is written at the first evaluation: train on with --resume"
        )
    raise CheckpointError(f"{path}: is neither a run folder nor a model bundle", hint="`nmt train` makes them")


def version(path: str | Path) -> tuple[int, ...] | None:
    """Of a bundle's weights: another one when a training has put better ones there; None while there are none.

    A new file may get the number of one that is gone, and a copy keeps the time of its original, but not its own.
    """
    with suppress(CheckpointError, OSError):
        weights = (locate(path) / WEIGHTS).stat()
        return weights.st_ino, weights.st_mtime_ns, weights.st_ctime_ns
    return None


def unchanged(path: str | Path, reading: Callable[[], Read]) -> Read:
    """What `reading` a bundle gives. A training may exchange it meanwhile: then it is read again, as a whole.

    Raises what the reading raises, and CheckpointError when the exchanges do not end.
    """
    for _ in range(MOST_EXCHANGES):
        before, fault = version(path), None
        try:
            result = reading()
        except (CheckpointError, OSError) as error:
            fault = error
        if version(path) == before:
            if fault is not None:
                raise fault
            return result
    raise CheckpointError(f"{path}: changes faster than it is read", hint="take a copy of it")


def load(path: str | Path, *, device: "torch.device | str" = "cpu") -> Bundle:
    """Read a bundle, or a run folder's, and check all of it: a model in float32 with its tokenizers.

    Raises CheckpointError that names the faulty file.
    """
    return unchanged(path, lambda: _load(path, device))


def _load(path: str | Path, device: "torch.device | str") -> Bundle:
    described = read(path)
    return Bundle(load_model(described, device=device), described.tokenizers, described.config, described.card)


def read(path: str | Path) -> Description:
    """All of a bundle but the weights. Raises CheckpointError that names the faulty file."""
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
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file", hint="the bundle is incomplete; copy the whole folder")
    if path.stat().st_size > MOST_CARD:
        raise CheckpointError(f"{path}: is larger than {MOST_CARD:,} bytes", hint="copy the file again")
    try:
        return Card.model_validate_json(path.read_bytes()).model_dump()
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise CheckpointError(
            f"{path}: is no model card: {place}{': ' if place else ''}{fault['msg']}", hint="copy the file again"
        ) from error


def _tokenizers(folder: Path, config: BundleConfig) -> Tokenizers:
    shared = config.tokenizer.shared
    for name in SHARED if shared else SEPARATE:
        checksums.check(folder / name, most=MOST_TOKENIZER)
    if config.tokenizer.spare:
        checksums.check(folder / TAGS, most=MOST_TAGS)
    tokenizers = load_tokenizers(folder)
    if tokenizers.shared != shared:
        raise CheckpointError(
            f"{folder}: holds tokenizer.model, but its config says tokenizer.shared: false",
            hint="files of two models were mixed; copy the whole folder again",
        )
    return tokenizers


def _model(path: Path, config: ModelConfig, tokenizers: Tokenizers) -> "Seq2Seq":
    import torch

    from nmt import tensors
    from nmt.models import build

    checksums.check(path, most=MOST_WEIGHTS)
    size = path.stat().st_size
    with torch.random.fork_rng(devices=[]), tensors.Limit(size, name=str(path)):  # fresh weights, soon thrown away
        model = build(config, tokenizers.source.size, tokenizers.target.size)
    weights = dict(model.named_parameters())
    if size > sum(weight.numel() * weight.element_size() for weight in weights.values()) + MOST_HEADER:
        raise CheckpointError(f"{path}: is larger than its config asks for", hint=tensors.DIFFERENT)
    tensors.fill(weights, tensors.read(path), name=str(path))
    for name, weight in weights.items():
        if not weight.isfinite().all():
            raise CheckpointError(f"{path}: {name} holds an infinity, or what is not a number", hint="train it again")
    return model
