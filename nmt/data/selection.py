"""Selection of training and held-out pairs: one verdict per pair, found in one pass over the text.

A sentence is represented by an 8-byte hash and its length by 4 bytes, so that a corpus of n pairs is compared with
itself and with the development and test text in 25 n bytes (and about as many again while it is sorted).
"""

from array import array
from collections.abc import Hashable, Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from nmt.config import CleaningConfig
from nmt.data import lengths
from nmt.data.cleaning import Verdict, judge, told
from nmt.data.overlap import Drop, Overlap, counted, dropped, joined, shared
from nmt.errors import DataError

_DRAWS = ("dev", "test", "sample")  # one seed decides all three
_ROWS = 1_000_000  # pairs that are judged by their lengths at once


class Selection(NamedTuple):
    """What becomes of N training pairs."""

    verdicts: np.ndarray  # [N] uint8, a Verdict each; later steps write into it
    hashes: tuple[np.ndarray, np.ndarray]  # [N] uint64, of the source and of the target sentences
    lengths: np.ndarray  # [N, 2] uint32, characters of source and target, without blanks around them
    ends: list[int]  # where the pairs of each text end

    @property
    def kept(self) -> np.ndarray:
        """[N] bool"""
        return self.verdicts == Verdict.KEPT

    @property
    def texts(self) -> list[slice]:
        """The pairs of each text."""
        return [slice(begin, end) for begin, end in pairwise([0, *self.ends])]

    def counts(self, text: slice = slice(None)) -> dict[Verdict, int]:
        """How many pairs, of all or of one text, met with each verdict."""
        found = np.bincount(self.verdicts[text], minlength=len(Verdict))
        return {verdict: int(found[verdict]) for verdict in Verdict}


def examine(
    texts: Iterable[Iterable[tuple[str, str]]], config: CleaningConfig, *, kinds: Sequence[Hashable] = (None,)
) -> Selection:
    """Judge each pair of the texts by itself, then drop those that occurred before in a text of the same kind, and then
    those whose lengths are unusual in their text."""
    verdicts, sources, targets, sizes, ends = array("B"), array("Q"), array("Q"), array("I"), []
    for text in texts:
        for source, target in text:
            verdicts.append(judge(source, target, config))
            sources.append(hash_of(source))
            targets.append(hash_of(target))
            sizes.extend((len(source.strip()), len(target.strip())))
        ends.append(len(verdicts))
    hashes = np.frombuffer(sources, np.uint64), np.frombuffer(targets, np.uint64)
    selection = Selection(
        np.frombuffer(verdicts, np.uint8), hashes, np.frombuffer(sizes, np.uint32).reshape(-1, 2), ends
    )
    if config.duplicates:
        _drop_duplicates(selection, kinds)
    if config.max_deviation is not None:
        _drop_uneven(selection, config.max_deviation)
    return selection


def hash_of(sentence: str) -> int:
    """64 bits that stand for a sentence, without the blanks around it."""
    return int.from_bytes(blake2b(sentence.strip().encode(), digest_size=8).digest(), "little")


def _drop_duplicates(selection: Selection, kinds: Sequence[Hashable]) -> None:
    pairs = joined(*selection.hashes)
    for text, kind in zip(selection.texts, kinds, strict=True):
        pairs[text] += np.uint64(0xD1B54A32D192ED03 * kinds.index(kind) % 2**64)
    order = np.argsort(pairs, kind="stable")
    pairs = pairs[order]
    repeated = order[1:][pairs[1:] == pairs[:-1]]
    repeated = repeated[selection.kept[repeated]]
    selection.verdicts[repeated] = Verdict.DUPLICATE


def _drop_uneven(selection: Selection, most: float) -> None:
    for text in selection.texts:
        rows = text.start + np.flatnonzero(selection.verdicts[text] == Verdict.KEPT)
        if model := lengths.fit(selection.lengths[rows]):
            for some in np.array_split(rows, len(rows) // _ROWS + 1):
                uneven = np.abs(model.deviations(selection.lengths[some])) > most
                selection.verdicts[some[uneven]] = Verdict.UNEVEN


def overlap(
    selection: Selection, texts: Mapping[str, tuple[Sequence[str], Sequence[str]]], *, drop: Drop,
    mirrored: bool = False,
) -> dict[str, Overlap]:  # fmt: skip
    """Count the kept pairs that share text with each of `texts`, and drop those that `drop` names."""
    kept, found = selection.kept, {}
    for name, text in texts.items():
        known = tuple(np.array([hash_of(line) for line in side], np.uint64) for side in text)
        found[name] = kept * shared(selection.hashes, known, mirrored=mirrored)
    for kinds in found.values():
        selection.verdicts[dropped(kinds, drop)] = Verdict.OVERLAP
    return {name: counted(kinds) for name, kinds in found.items()}


def hold_out(
    selection: Selection, count: int, *, split: str, seed: int, among: Sequence[bool] | None = None,
    drop: Drop = "sources", mirrored: bool = False,
) -> tuple[np.ndarray, Overlap]:  # fmt: skip
    """Take `count` kept pairs away, and drop those that share with them what `drop` names; -> [N] bool, the pairs
    taken, and the overlap that was found.

    `split` is dev or test: they draw differently from one seed. `among` lists for each text whether pairs are drawn
    from it; None is all. Raises DataError if there are too few pairs.
    """
    kept = selection.kept
    for text, gives in zip(selection.texts, among or (), strict=among is not None):
        kept[text] &= gives
    candidates = np.flatnonzero(kept)
    if count >= len(candidates):
        reasons = told(selection.counts())
        raise DataError(
            f"data.{split}.held_out: {count:,} pairs are asked for, but after cleaning there are {len(candidates):,}"
            + f" ({reasons})" * bool(reasons),
            hint="hold out fewer, or name a text of its own",
        )
    taken = _choose(selection, candidates, count, (seed, _DRAWS.index(split)))
    selection.verdicts[taken] = Verdict.HELD_OUT
    known = tuple(side[taken] for side in selection.hashes)
    kinds = selection.kept * shared(selection.hashes, known, mirrored=mirrored)
    selection.verdicts[dropped(kinds, drop)] = Verdict.OVERLAP
    return taken, counted(kinds)


def sample(selection: Selection, count: int, *, characters: int, seed: int) -> np.ndarray:
    """Some of the kept pairs, at most `count` and about as many as hold `characters`; -> [N] bool."""
    candidates = np.flatnonzero(selection.kept)
    mean = selection.lengths[candidates].sum(dtype=np.int64) / max(len(candidates), 1)
    count = min(count, max(1, int(characters / max(mean, 1))))
    if len(candidates) <= count:
        return selection.kept
    return _choose(selection, candidates, count, (seed, _DRAWS.index("sample")))


def _choose(selection: Selection, candidates: np.ndarray, count: int, seed: tuple[int, int]) -> np.ndarray:
    chosen = np.zeros(len(selection.verdicts), bool)
    chosen[np.random.default_rng(seed).choice(candidates, count, replace=False, shuffle=False)] = True
    return chosen
