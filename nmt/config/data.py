"""Section `data`: where the text is, and which pairs of it to keep."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from nmt.config.paths import ConfigPath, ConfigPaths
from nmt.config.section import Conflict, Section


class ParallelText(Section):
    """Aligned files, read one after the other: either `source` and `target`, or `tsv`. Plain, .gz or .xz."""

    source: ConfigPaths = ()
    """Source file or files, one sentence a line."""
    target: ConfigPaths = ()
    """Target file or files, as many lines as the source."""
    tsv: ConfigPaths = ()
    """File or files that hold both sides, separated by tabs."""
    columns: tuple[int, int] = (1, 2)
    """The source and the target column of `tsv`, counted from 1."""

    def conflicts(self) -> Iterator[Conflict]:
        sides = ("source", "target", "tsv")
        if self.tsv and (self.source or self.target):
            yield Conflict(sides, "give either source and target, or tsv, not both")
        elif not self.tsv and not (self.source and self.target):
            yield Conflict(sides, "give source and target, or tsv")
        elif len(self.source) != len(self.target):
            yield Conflict(sides, f"{len(self.source)} source files but {len(self.target)} target files")
        if min(self.columns) < 1 or self.columns[0] == self.columns[1]:
            yield Conflict(("columns",), "columns are two different numbers, counted from 1")


class HeldOut(Section):
    """Pairs taken away from the training text, drawn by the seed; no sentence of theirs stays in it."""

    held_out: int = Field(ge=1)
    """How many pairs."""


def _form(value: Any) -> str:
    held_out = "held_out" in value if isinstance(value, dict) else isinstance(value, HeldOut)
    return "HeldOut" if held_out else "ParallelText"


TargetOrder = Literal["left_to_right", "right_to_left"]

Split = Annotated[
    Annotated[ParallelText, Tag("ParallelText")] | Annotated[HeldOut, Tag("HeldOut")], Discriminator(_form)
]
"""Text of its own, or pairs taken from the training text."""


class CleaningConfig(Section):
    """Which training pairs are dropped. Development and test text is never touched."""

    max_words: int | None = Field(200, ge=1)
    """Longest side in blank-separated words."""
    max_characters: int | None = Field(2000, ge=1)
    """Longest side in characters; the one that counts for languages without blanks."""
    max_ratio: float | None = Field(4.0, gt=1)
    """Longest allowed ratio between the sides' lengths in characters, for pairs of more than 20 characters."""
    duplicates: bool = True
    """Drop pairs that occurred before."""
    identical: bool = True
    """Drop pairs whose two sides are the same text."""
    min_letters: float | None = Field(None, ge=0, le=1)
    """Smallest share of letters among the characters that are not blanks (0.5 drops most tables and markup)."""


class DataConfig(Section):
    """The corpus."""

    source_language: str = Field(min_length=1)
    """Code of the source language, such as de."""
    target_language: str = Field(min_length=1)
    """Code of the target language, such as en."""
    train: ParallelText
    """The training text."""
    dev: Split
    """The development text: decides when to stop and which checkpoint is best."""
    test: Split | None = None
    """The test text, used by `nmt eval` alone."""
    cleaning: CleaningConfig = CleaningConfig()
    """Which training pairs are dropped."""
    overlap: Literal["keep", "drop"] = "keep"
    """Training pairs whose source or target is also in the dev or test text: keep them and warn, or drop them."""
    target_order: TargetOrder = "left_to_right"
    """From which end the model writes a translation. What comes out reads from the left either way."""
    cache: ConfigPath | None = None
    """Folder for prepared data; by default `prepared` beside the run folder."""
