"""Section `data`: where the text is, and which pairs of it to keep."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from nmt.config.augment import AugmentConfig
from nmt.config.paths import ConfigPath, ConfigPaths
from nmt.config.section import Conflict, Section


def _visible(name: str) -> str:
    if " " in name or "|" in name or not name.isprintable():  # they would end it on a command line, in a signature
        raise ValueError(f'{name!r} holds a blank, a "|", or a character that cannot be seen')
    return name


TagName = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_visible)]
"""Of a control symbol that is put before a source by its id: a text that spells the name is plain text."""
COLUMNS = (1, 2)
"""Default columns of a file that holds both sides."""
Column = Annotated[int, Field(strict=True)] | Annotated[str, Field(min_length=1)]
_BOTH_SIDES = (".tmx", ".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")  # endings of files that hold two texts
Place = tuple[Path, Column | None]
"""A file, and the column in it if it holds both sides."""


class ParallelText(Section):
    """Aligned files, read one after the other: either `source` and `target`, or `tsv`. Plain text or packed: gzip, xz,
    bzip2, zip, zstd."""

    source: ConfigPaths = ()
    """Source file or files, one sentence a line."""
    target: ConfigPaths = ()
    """Target file or files, as many lines as the source."""
    tsv: ConfigPaths = ()
    """File or files that hold both sides: TSV, CSV, TMX, JSON lines, Parquet, or a zip archive of two files."""
    columns: tuple[Column, Column] = COLUMNS
    """The source and the target column of `tsv`: numbers counted from 1, or names from the first line, the keys of JSON
    lines, or the language codes of a TMX file."""
    tag: TagName | None = None
    """Put before each source; says to the model what is wanted, such as a language or a style."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All that are read."""
        return (*self.source, *self.target, *self.tsv)

    @property
    def places(self) -> set[tuple[Place, Place]]:
        """Where sources come from, each with where their targets do."""
        if self.tsv:
            return {tuple((path, column) for column in self.columns) for path in self.tsv}
        return {((source, None), (target, None)) for source, target in zip(self.source, self.target, strict=False)}

    def conflicts(self) -> Iterator[Conflict]:
        sides = ("source", "target", "tsv")
        if self.tsv and (self.source or self.target):
            yield Conflict(sides, "give either source and target, or tsv, not both")
        elif not self.tsv and not (self.source and self.target):
            yield Conflict(sides, "give source and target, or tsv")
        elif len(self.source) != len(self.target):
            yield Conflict(sides, f"{len(self.source)} source files but {len(self.target)} target files")
        for side in ("source", "target"):
            for path in getattr(self, side):
                if Path(path).suffix.lower() in _BOTH_SIDES:
                    yield Conflict((side,), f"{path.name} holds both sides; name it by `tsv` instead")
        if not self.tsv and self.columns != COLUMNS:
            yield Conflict(("columns", "tsv"), "columns are those of a tsv; exchange source and target instead")
        if any(isinstance(each, int) and each < 1 for each in self.columns) or self.columns[0] == self.columns[1]:
            yield Conflict(("columns",), "columns are two different numbers, counted from 1, or two different names")


class TrainingText(ParallelText):
    """A text to learn from."""

    weight: float = Field(1.0, gt=0, le=1000)
    """How often its pairs are seen in a pass over the data: 2 is twice; 0.5 is a half that is drawn anew for each pass;
    1.5 is all of them, and such a half once more. The tokenizer and the cleaning look at every pair once."""


class HeldOut(Section):
    """Pairs taken away from the training text, drawn by the seed; `data.overlap` decides what else leaves it."""

    held_out: int = Field(ge=1)
    """How many pairs."""
    tag: TagName | None = None
    """They are drawn from the training text with this tag, or from that without any."""


def _form(value: Any) -> str:
    held_out = "held_out" in value if isinstance(value, dict) else isinstance(value, HeldOut)
    return "HeldOut" if held_out else "ParallelText"


TargetOrder = Literal["left_to_right", "right_to_left"]

Split = Annotated[
    Annotated[ParallelText, Tag("ParallelText")] | Annotated[HeldOut, Tag("HeldOut")], Discriminator(_form)
]
"""Text of its own, or pairs taken from the training text."""

TrainingTexts = Annotated[
    Annotated[TrainingText, Tag("TrainingText")] | Annotated[tuple[TrainingText, ...], Tag("TrainingTexts")],
    Discriminator(lambda value: "TrainingTexts" if isinstance(value, tuple) else "TrainingText"),
]
"""One, or a list of them."""


class CleaningConfig(Section):
    """Which training pairs are dropped. Development and test text is never touched."""

    max_words: int | None = Field(200, ge=1)
    """Longest side in blank-separated words."""
    max_characters: int | None = Field(2000, ge=1)
    """Longest side in characters; the one that counts for languages without blanks."""
    max_deviation: float | None = Field(6.0, gt=0)
    """Largest difference between the sides' lengths, measured from the text's own length ratio in standard deviations.
    Each training text has its own ratio and spread; texts of fewer than 50 pairs are not filtered."""
    duplicates: bool = True
    """Drop pairs that occurred before."""
    identical: bool = True
    """Drop pairs whose two sides are the same text."""
    min_letters: float | None = Field(None, ge=0, le=1)
    """Smallest share of letters among the characters that are not blanks (0.5 drops most tables and markup)."""


class DataConfig(Section):
    """The corpus."""

    source_language: str = Field(min_length=1)
    """Code of the source language, such as de; of several that are learnt at once, all of them: de+en."""
    target_language: str = Field(min_length=1)
    """Code of the target language, such as en, likewise."""
    train: TrainingTexts
    """The training text, or a list of them, each with a weight and a tag of its own."""
    dev: Split
    """The development text: decides when to stop and which checkpoint is best."""
    test: Split | None = None
    """The test text, used by `nmt eval` alone."""
    cleaning: CleaningConfig = CleaningConfig()
    """Which training pairs are dropped."""
    augment: AugmentConfig | None = AugmentConfig()
    """Changed copies of training pairs: other case, typing errors, protected spans. null is none."""
    overlap: Literal["keep", "pairs", "sources", "all"] = "sources"
    """Training pairs to drop because dev or test, also a held-out one, has the same text: no pairs; whole pairs; pairs
    with the same source as well; or also those with only the same target."""
    target_order: TargetOrder = "left_to_right"
    """From which end the model writes a translation. What comes out reads from the left either way."""
    cache: ConfigPath | None = None
    """Folder for prepared data; by default `prepared` beside the run folder."""

    @property
    def texts(self) -> tuple[TrainingText, ...]:
        """The training texts."""
        return self.train if isinstance(self.train, tuple) else (self.train,)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of the training texts, in the order in which they take the tokenizer's slots."""
        return tuple(dict.fromkeys(text.tag for text in self.texts if text.tag is not None))

    @property
    def both_ways(self) -> bool:
        """Whether some text is used once in each direction."""
        places = set().union(*(text.places for text in self.texts))
        return any(source != target and (target, source) in places for source, target in places)

    def conflicts(self) -> Iterator[Conflict]:
        if not hasattr(self, "train"):  # it is faulty
            return
        if not self.texts:
            yield Conflict(("train",), "train is an empty list")
            return
        known, untagged = ", ".join(self.tags) or "none", any(text.tag is None for text in self.texts)
        for name in ("dev", "test"):
            tag = getattr(getattr(self, name, None), "tag", None)
            if tag is not None and tag not in self.tags:
                yield Conflict((f"{name}.tag", "train"), f'{name}: no training text has the tag "{tag}" ({known})')
            if tag is None and getattr(self, name, None) is not None and not untagged:
                yield Conflict((name, "train"), f"{name} needs a tag, as every training text has one ({known})")
