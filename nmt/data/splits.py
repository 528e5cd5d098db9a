"""What a config's text falls into: the training pairs that stay, the development and the test text."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, compress
from typing import NamedTuple

import numpy as np

from nmt.config import Config, DataConfig, HeldOut, ParallelText
from nmt.data import facts
from nmt.data import selection as select
from nmt.data.cleaning import told
from nmt.data.overlap import Overlap
from nmt.data.peek import Peek
from nmt.data.selection import Selection
from nmt.data.text import read_pairs
from nmt.errors import DataError

_EVERY = 10_000  # pairs between two reports of progress

Tell = Callable[[str, int], None]


class Pairs(NamedTuple):
    """Raw text, line n of one side beside line n of the other."""

    source: list[str]
    target: list[str]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> "Pairs":
        """All of them."""
        sides = list(zip(*pairs, strict=True)) or [(), ()]
        return cls(*map(list, sides))

    def some(self, most: int | None) -> "Pairs":
        """At most so many pairs, evenly from all of them: one end of a text is seldom like the whole."""
        count = len(self.source)
        rows = np.linspace(0, count - 1, min(most or count, count)).astype(np.int64)
        return Pairs(*([side[row] for row in rows] for side in self))


class Splits(NamedTuple):
    """Of all the text that a config names."""

    selection: Selection
    """What becomes of each training pair."""
    texts: dict[str, Pairs]
    """The text of dev and, if there is one, of test."""
    overlap: dict[str, Overlap]
    """Training pairs that share text with each of these."""
    notes: tuple[str, ...]
    """Notes from reading the files, such as header lines."""
    warnings: tuple[str, ...]
    """Warnings about the training texts, such as swapped sides."""


def split(config: Config, tell: Tell) -> Splits:
    """Read all the text once. `tell` hears how many pairs are done. Raises DataError for text that does not do."""
    data = config.data
    notes: list[str] = []
    given = {
        name: Pairs.of(read_pairs(text, note=notes.append))
        for name, text in (("dev", data.dev), ("test", data.test))
        if isinstance(text, ParallelText)
    }
    tags, peeks = [text.tag for text in data.texts], [Peek() for _ in data.texts]
    read = (
        peek.through(read_pairs(text, note=notes.append, lenient=True))
        for text, peek in zip(data.texts, peeks, strict=True)
    )
    selection = select.examine(telling(read, "cleaning", tell), data.cleaning, kinds=tags)
    overlap = select.overlap(selection, given, drop=data.overlap, mirrored=data.both_ways)
    held_out, near = _held_out(config, selection)
    texts = given | held_out
    _check(selection, texts)
    warnings = _warnings(data, [peek.items for peek in peeks])
    return Splits(selection, texts, overlap | near, tuple(notes), warnings)


def _warnings(data: DataConfig, samples: Sequence[Sequence[tuple[str, str]]]) -> tuple[str, ...]:
    """Find what looks wrong in each training text. With several directions the sides have no language of their own."""
    languages = (data.source_language, data.target_language)
    if any("+" in language for language in languages) or data.both_ways:
        return ()
    return tuple(
        f"{name}: {warning}"
        for name, text, sample in zip(text_names(data.texts), data.texts, samples, strict=True)
        for warning in facts.warnings(sample, languages, text)
    )


def training_pairs(config: Config) -> tuple[Iterator[tuple[str, str]], dict[str, Pairs]]:
    """The pairs that a config trains on, as text, and its development and test text. Raises DataError as `split`."""
    found = split(config, lambda stage, done: None)
    return chain.from_iterable(chosen(config.data, found.selection, found.selection.kept)), found.texts


def telling(texts: Iterable[Iterable[tuple[str, str]]], stage: str, tell: Tell) -> Iterator[Iterator[tuple[str, str]]]:
    """The pairs of each text, to be read one after the other."""
    tell(stage, 0)
    done = 0

    def heard(text: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        nonlocal done
        for pair in text:
            done += 1
            if done % _EVERY == 0:
                tell(stage, done)
            yield pair

    yield from map(heard, texts)


def chosen(data: DataConfig, selection: Selection, rows: np.ndarray) -> Iterator[Iterator[tuple[str, str]]]:
    """Of each training text the pairs that `rows` [N] says."""
    for text, places in zip(data.texts, selection.texts, strict=True):
        yield compress(read_pairs(text, lenient=True), rows[places])


def _held_out(config: Config, selection: Selection) -> tuple[dict[str, Pairs], dict[str, Overlap]]:
    """The splits that are taken from the training text, and what the rest of the text shares with them."""
    data, taken, near = config.data, {}, {}
    for name, split in (("dev", data.dev), ("test", data.test)):
        if isinstance(split, HeldOut):
            among = [text.tag == split.tag for text in data.texts]
            taken[name], near[name] = select.hold_out(
                selection, split.held_out, split=name, seed=config.tokenizer.seed, among=among, drop=data.overlap,
                mirrored=data.both_ways,
            )  # fmt: skip
    return {name: Pairs.of(chain.from_iterable(chosen(data, selection, rows))) for name, rows in taken.items()}, near


def _check(selection: Selection, texts: dict[str, Pairs]) -> None:
    for name, meaning in (("dev", "development"), ("test", "test")):
        if name in texts and not texts[name].source:
            raise DataError(f"data.{name}: the {meaning} text has no lines", hint="the files that it names are empty")
    if not len(selection.verdicts):
        raise DataError("data.train: the training text has no lines", hint="the files that it names are empty")
    for name, text in zip(text_names(selection.texts), selection.texts, strict=True):
        if not selection.kept[text].any():
            counts = selection.counts(text)
            raise DataError(
                f"{name}: of {sum(counts.values()):,} training pairs none is left ({told(counts) or 'no lines'})",
                hint="data.cleaning and data.overlap hold the limits"
                + "; give a text a weight instead of naming it twice" * ("[" in name),
            )


def text_names(texts: Sequence) -> list[str]:
    """What faults call the training texts."""
    return [f"data.train[{number}]" for number in range(len(texts))] if len(texts) > 1 else ["data.train"]
