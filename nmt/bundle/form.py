"""What a bundle is: the files of its folder, and what is read from them (see the package)."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nmt.config import ModelConfig, SearchConfig, Section, TokenizerConfig
from nmt.config.data import TargetOrder
from nmt.config.run import vocabulary_conflicts
from nmt.config.section import Conflict
from nmt.config.sources import SourcesConfig
from nmt.data.tokenizer import Tokenizers

if TYPE_CHECKING:
    from nmt.models.base import Seq2Seq

WEIGHTS, CONFIG, CARD, README = "model.safetensors", "config.yaml", "card.json", "README.md"

FORMAT = 1
"""Counts up when an older nmt could misread what a newer one writes."""

MOST_TOKENIZER, MOST_CARD = 1 << 27, 1 << 20
"""Bytes of a tokenizer and of a card: a larger file is not even read."""
MOST_TAGS = 1 << 17
"""Likewise of tags.json: a hundred bytes for each slot that a tokenizer may have."""
DESCRIPTIONS = (CARD, README)
"""Files that may be written anew when more is known."""


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
    sources: SourcesConfig
    """Length and sentences of the training sources, by which lines are split."""
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
