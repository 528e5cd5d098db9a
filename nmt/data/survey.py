"""A look at a parallel text before anything is decided: how much there is, how long, how many different words."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate, chain, compress
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from nmt.config import CleaningConfig, ParallelText, TokenizerConfig
from nmt.data import facts, sizes
from nmt.data import selection as select
from nmt.data.cleaning import Verdict, heavy, named, told
from nmt.data.peek import Peek
from nmt.data.scripts import likeness
from nmt.data.selection import Selection
from nmt.data.splits import Pairs
from nmt.data.text import read_pairs
from nmt.data.tokenizer import Tokenizers
from nmt.data.tokenizer_training import train_shared, train_tokenizer
from nmt.errors import ConfigError, DataError

_FEWEST = 10  # pairs
_SAMPLE, _CHARACTERS = 50_000, 10_000_000  # what is looked at closely, at most
_DEFAULTS = TokenizerConfig()
_WITHOUT_TEXT = 4 + 256 + _DEFAULTS.spare  # ids of special marks, bytes and slots

_ALIKE = 0.5  # likeness of the scripts of both sides from which one vocabulary suits them


class Survey(NamedTuple):
    """What a training text is like."""

    read: int
    """Pairs in the files."""
    kept: int
    """Pairs that the default cleaning keeps and that are not held out."""
    given: dict[str, int]
    """Pairs of the splits that have a text of their own."""
    held_out: int
    """Pairs to hold out for each split that has none."""
    words: tuple[float, float]
    """Mean words of a source and of a target sentence."""
    types: int
    """Different words of both sides, extrapolated from a sample to the whole text."""
    shared: bool
    """Whether one vocabulary for both sides suits the text: their scripts are alike."""
    vocabulary: int
    """Ids of a vocabulary that suits the text."""
    pieces: float
    """Mean length of a pair's longer side in its pieces, end mark included."""
    longest: int
    """Length in pieces, end mark included, that 999 in 1,000 sentences do not exceed."""
    dropped: Mapping[str, int] = MappingProxyType({})
    """Pairs that the default cleaning drops, by reason."""
    notes: tuple[str, ...] = ()
    """Notes from reading the files, such as header lines."""
    warnings: tuple[str, ...] = ()
    """Warnings about the text, such as swapped sides or a filter that drops many pairs."""


def survey(
    train: ParallelText, given: Mapping[str, ParallelText], languages: tuple[str, str] | None = None,
    family: sizes.Family = "transformer",
) -> Survey:  # fmt: skip
    """Read the training text twice: all of it, then a sample. `given` holds the dev and test texts, if any; with
    `languages` the text is compared with them.

    The vocabulary is chosen for a family of models.

    Raises DataError when a text cannot be used or the training text is too small.
    """
    notes: list[str] = []
    texts = {name: Pairs.of(read_pairs(text, note=notes.append)) for name, text in given.items()}
    counts = {name: len(text.source) for name, text in texts.items()}
    for name in (name for name, count in counts.items() if not count):
        raise DataError(f"the {name} text is empty", hint="name another, or none: then pairs are held out")
    peek = Peek()
    read = peek.through(read_pairs(train, note=notes.append, lenient=True))
    selection = select.examine([read], CleaningConfig())
    select.overlap(selection, texts, drop="sources")
    usable, dropped = int(selection.kept.sum()), named({**selection.counts(), Verdict.KEPT: 0})
    if usable < _FEWEST:
        raise DataError(
            f"the training text has {len(selection.verdicts):,} pairs and {usable:,} of them are usable: too few"
            + (f" ({told(selection.counts())})" if dropped else ""),
            hint="some thousand pairs should remain",
        )
    held_out = _hold_out(selection, [split for split in ("dev", "test") if split not in given])
    chosen = select.sample(selection, _SAMPLE, characters=_CHARACTERS, seed=_DEFAULTS.seed)
    sides = list(zip(*compress(read_pairs(train, lenient=True), chosen), strict=True))
    kept = int(selection.kept.sum())
    shared, vocabulary, lengths = _try_tokenizers(sides, sizes.vocabulary(family, kept))
    warnings = facts.warnings(peek.items, languages, train) if languages else []
    warnings += heavy(dropped, len(selection.verdicts))
    return Survey(
        read=len(selection.verdicts), kept=kept, given=counts, held_out=held_out,
        words=tuple(float(np.mean([len(line.split()) for line in side])) for side in sides),
        types=_count_types(sides, kept), shared=shared, vocabulary=vocabulary,
        pieces=float(lengths.max(0).mean()), longest=int(np.quantile(lengths, 0.999)),
        dropped=dropped, notes=tuple(notes), warnings=tuple(warnings),
    )  # fmt: skip


def _hold_out(selection: Selection, splits: Sequence[str]) -> int:
    """How many pairs a split should get: 5%, up to 500 or 2,000, and fewer where others would have to leave with them.

    Holds them out as `nmt prepare` will.
    """
    usable = int(selection.kept.sum())
    count = min(usable // 20 or 1, 500 if usable < 100_000 else 2_000) if splits else 0
    before = selection.verdicts.copy()
    while count > 1:
        with suppress(DataError):
            _try_hold_out(selection, splits, count)
            if selection.kept.sum() >= 0.8 * usable:
                return count
        selection.verdicts[:] = before
        count //= 2
    _try_hold_out(selection, splits, count)
    if not selection.kept.any():
        raise DataError(
            "every training pair has the source of a pair that would be held out",
            hint="name development and test texts, or use text with fewer repetitions",
        )
    return count


def _try_hold_out(selection: Selection, splits: Sequence[str], count: int) -> None:
    for split in splits:
        select.hold_out(selection, count, split=split, seed=_DEFAULTS.seed)


def _count_types(sides: Sequence[Sequence[str]], pairs: int) -> int:
    """Different words in so many pairs, by Heaps' law: they grow with the square root of the text."""
    seen = {word for side in sides for line in side for word in line.split()}
    return round(len(seen) * max(1.0, pairs / len(sides[0])) ** 0.5)


def _try_tokenizers(sides: Sequence[Sequence[str]], joint: int) -> tuple[bool, int, np.ndarray]:
    """Whether the sides share a vocabulary, the size that these sentences allow, and their lengths [2, N] in its
    pieces. `joint` is the size that suits a shared one."""
    if likeness(*sides) < _ALIKE:
        needed = _WITHOUT_TEXT + max(map(_common_characters, sides))
        config = _config((joint + _WITHOUT_TEXT) // 2, needed)  # half of the pieces for each
        trained = (
            train_tokenizer(lines, config, side=side, shrink=True)
            for side, lines in zip(Tokenizers._fields, sides, strict=True)
        )
        with suppress(ConfigError):  # a side has more characters than the other allows pieces
            tokenizers = Tokenizers(*trained)
            if min(each.size for each in tokenizers) >= needed:
                return False, *_measured(tokenizers, sides, config.vocabulary, needed)
    needed = _WITHOUT_TEXT + _common_characters(chain.from_iterable(sides))
    config = _config(joint, needed)
    tokenizers = train_shared(zip(*sides, strict=True), config, shrink=True)
    return True, *_measured(tokenizers, sides, config.vocabulary, needed)


def _config(wanted: int, needed: int) -> TokenizerConfig:
    """At least as many pieces of several characters as of one."""
    return TokenizerConfig(vocabulary=max(wanted, 2 * needed - _WITHOUT_TEXT))


def _measured(
    tokenizers: Tokenizers, sides: Sequence[Sequence[str]], wanted: int, needed: int
) -> tuple[int, np.ndarray]:
    """The size of the vocabulary, smaller than `wanted` if the text gives fewer pieces, and the lengths."""
    rows = (tokenizer.encode(side) for tokenizer, side in zip(tokenizers, sides, strict=True))
    lengths = np.array([[len(ids) + 1 for ids in row] for row in rows])
    size = min(each.size for each in tokenizers)
    if size < wanted:
        size -= max(size - needed, 0) // 4  # the last merges occurred once or twice
    return size, lengths


def _common_characters(lines: Iterable[str]) -> int:
    """How many characters get an id of their own."""
    counts = Counter(chain.from_iterable(lines))
    covered = accumulate(count for _, count in counts.most_common())
    most = _DEFAULTS.character_coverage * counts.total()
    return sum(1 for total in covered if total < most) + 2  # with the one that reaches it, and the blank
