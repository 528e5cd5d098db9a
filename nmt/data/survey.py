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
from nmt.data.selection import Selection
from nmt.data.splits import Pairs
from nmt.data.text import read_pairs
from nmt.data.tokenizer_training import train_shared
from nmt.errors import DataError

_FEWEST = 10  # pairs
_SAMPLE, _CHARACTERS = 50_000, 10_000_000  # what is looked at closely, at most
_DEFAULTS = TokenizerConfig()
_WITHOUT_TEXT = 4 + 256 + _DEFAULTS.spare  # ids of special marks, bytes and slots


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
    vocabulary: int
    """Ids of a joint vocabulary that suits the text."""
    pieces: float
    """Mean length of a pair's longer side in its pieces, end mark included."""
    longest: int
    """Length in pieces, end mark included, that 999 in 1,000 sentences do not exceed."""
    dropped: Mapping[str, int] = MappingProxyType({})
    """Pairs that the default cleaning drops, by reason."""
    notes: tuple[str, ...] = ()
    """What reading the files came across, such as header lines."""
    warnings: tuple[str, ...] = ()
    """What looks wrong in the text, such as swapped sides or a filter that takes many pairs."""


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
    vocabulary, lengths = _try_tokenizer(sides, sizes.vocabulary(family, kept))
    warnings = facts.warnings(peek.items, languages, train) if languages else []
    warnings += heavy(dropped, len(selection.verdicts))
    return Survey(
        read=len(selection.verdicts), kept=kept, given=counts, held_out=held_out,
        words=tuple(float(np.mean([len(line.split()) for line in side])) for side in sides),
        types=_count_types(sides, kept), vocabulary=vocabulary,
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


def _try_tokenizer(sides: Sequence[Sequence[str]], wanted: int) -> tuple[int, np.ndarray]:
    """The joint vocabulary that these sentences allow, and their lengths [2, N] in its pieces."""
    needed = _WITHOUT_TEXT + _common_characters(chain.from_iterable(sides))
    wanted = max(wanted, 2 * needed - _WITHOUT_TEXT)
    config = TokenizerConfig(vocabulary=wanted)
    tokenizers = train_shared(zip(*sides, strict=True), config, shrink=True)
    rows = (tokenizer.encode(side) for tokenizer, side in zip(tokenizers, sides, strict=True))
    lengths = np.array([[len(ids) + 1 for ids in row] for row in rows])
    size = tokenizers.target.size
    if size == wanted:
        return wanted, lengths
    return size - max(size - needed, 0) // 4, lengths  # the last merges occurred once or twice


def _common_characters(lines: Iterable[str]) -> int:
    """How many characters get an id of their own."""
    counts = Counter(chain.from_iterable(lines))
    covered = accumulate(count for _, count in counts.most_common())
    most = _DEFAULTS.character_coverage * counts.total()
    return sum(1 for total in covered if total < most) + 2  # with the one that reaches it, and the blank
