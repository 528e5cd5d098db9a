"""To write a bundle, to seal it with checksums, and to say in its card what is known of the model."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt import checksums, files
from nmt import config as settings
from nmt.bundle.form import CARD, CONFIG, FORMAT, README, WEIGHTS, BundleConfig
from nmt.card import Card, readme
from nmt.config import Config
from nmt.config.sources import SourcesConfig
from nmt.data.tokenizer import MODELS, TAGS, Tokenizers, save_tokenizers

if TYPE_CHECKING:
    from torch import Tensor


def digest(config: Config) -> str:
    """Names the settings that a model comes from: all but the places of its files and the search."""
    data = config.data
    texts = [f"{text.weight:g} {text.tag}" for text in data.texts]
    kind = [data.source_language, data.target_language, data.target_order, *texts]
    sections = [data.cleaning, data.augment or "no augmentation", config.tokenizer, config.model, config.training]
    if config.finetune:  # what it goes on from is known by its checksum
        words = config.finetune.words and Path(config.finetune.words.name)
        sections.append(config.finetune.model_copy(update={"model": Path(), "words": words}))
    return settings.digest(*kind, *sections)


def save(
    folder: str | Path, *, weights: "dict[str, Tensor]", tokenizers: Tokenizers, config: Config, sources: SourcesConfig,
    facts: dict[str, Any],
) -> None:  # fmt: skip
    """Write a bundle in the place of `folder`. `facts` become its Card."""
    from nmt import tensors

    described = BundleConfig(
        format=FORMAT, source_language=config.data.source_language, target_language=config.data.target_language,
        target_order=config.data.target_order, tokenizer=config.tokenizer, model=config.model, search=config.search,
        sources=sources, seed=config.training.seed, digest=digest(config),
    )  # fmt: skip
    with files.replacing_folder(folder) as inside:
        tensors.write(inside / WEIGHTS, {name: weight.float() for name, weight in weights.items()})
        save_tokenizers(inside, tokenizers)
        files.write_text(inside / CONFIG, settings.dump(described))
        seal(inside)
        describe(inside, facts)


def seal(folder: Path) -> None:
    """Note what the files hold; once more after a change by hand that is meant."""
    names = (WEIGHTS, CONFIG, *MODELS, TAGS)
    checksums.write(folder, [name for name in names if (folder / name).exists()])


def describe(folder: str | Path, facts: dict[str, Any]) -> None:
    """Write a bundle's card, or write it anew when more is known."""
    card = Card.model_validate(facts)
    files.write_text(Path(folder) / CARD, json.dumps(card.model_dump(), indent=2, ensure_ascii=False) + "\n")
    files.write_text(Path(folder) / README, readme(card))
