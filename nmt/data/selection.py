"""Which training pairs stay, and which are held out: one verdict a pair, found in one pass over the text.

A sentence is known by an 8-byte hash, so that a corpus of n pairs is compared with itself and with the development and
test text in 17 n bytes (and as many again for a moment, while it is sorted).
"""

from array import array
from collections.abc import Hashable, Iterable, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from nmt.config import CleaningConfig
from nmt.data.cleaning import Verdict, judge, told
from nmt.errors import DataError

_DRAWS = ("dev", "test", "sample")  # one seed decides all three


class Selection(NamedTuple):
    """What becomes of N training pairs."""

    verdicts: np.ndarray  # [N] uint8, a Verdict each; later steps write into it
    hashes: tuple[np.ndarray, np.ndarray]  # [N] uint64, of the source and of the target sentences
    characters: float  # mean of a pair, both sides, among those that are good by themselves
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
    """Judge each pair of the texts by itself, then drop those that occurred before in a text of the same kind."""
    verdicts, sources, targets, ends = array("B"), array("Q"), array("Q"), []
    characters = good = 0
    for text in texts:
        for source, target in text:
            verdict = judge(source, target, config)
            verdicts.append(verdict)
            sources.append(_hash(source))
            targets.append(_hash(target))
            if verdict is Verdict.KEPT:
                characters += len(source) + len(target)
                good += 1
        ends.append(len(verdicts))
    hashes = np.frombuffer(sources, np.uint64), np.frombuffer(targets, np.uint64)
    selection = Selection(np.frombuffer(verdicts, np.uint8), hashes, characters / max(good, 1), ends)
    if config.duplicates:
        _drop_duplicates(selection, kinds)
    return selection


def _hash(sentence: str) -> int:
    return int.from_bytes(blake2b(sentence.strip().encode(), digest_size=8).digest(), "little")


def _drop_duplicates(selection: Selection, kinds: Sequence[Hashable]) -> None:
    sources, targets = selection.hashes
    pairs = sources * np.uint64(0x9E3779B97F4A7C15) + targets  # modulo 2^64; the factor makes (a, b) differ from (b, a)
    for text, kind in zip(selection.texts, kinds, strict=True):
        pairs[text] += np.uint64(0xD1B54A32D192ED03 * kinds.index(kind) % 2**64)
    order = np.argsort(pairs, kind="stable")
    pairs = pairs[order]
    repeated = order[1:][pairs[1:] == pairs[:-1]]
    repeated = repeated[selection.kept[repeated]]
    selection.verdicts[repeated] = Verdict.DUPLICATE


def overlap(selection: Selection, texts: Sequence[tuple[Sequence[str], Sequence[str]]], *, drop: bool) -> int:
    """How many of the kept pairs have their source or target in one of `texts`; with `drop` they are kept no longer."""
    known = [np.array([_hash(line) for text in texts for line in text[side]], np.uint64) for side in (0, 1)]
    found = selection.kept & _shares_sentence(selection, known)
    if drop:
        selection.verdicts[found] = Verdict.OVERLAP
    return int(found.sum())


def _shares_sentence(selection: Selection, known: Sequence[np.ndarray]) -> np.ndarray:
    """[N] bool: a sentence is known, on whichever side, for a text may be there once more in the other direction."""
    either = np.concatenate(known)
    return np.isin(selection.hashes[0], either) | np.isin(selection.hashes[1], either)


def hold_out(
    selection: Selection, count: int, *, split: str, seed: int, among: Sequence[bool] | None = None
) -> np.ndarray:
    """Take `count` kept pairs away, and with them all that share a sentence with one; -> [N] bool, those taken.

    `split` is dev or test: they draw differently from one seed. `among` says of each text whether it gives any; None
    is all. Raises DataError when there are not enough pairs.
    """
    kept = selection.kept
    for text, gives in zip(selection.texts, among or (), strict=among is not None):
        kept[text] &= gives
    candidates = np.flatnonzero(kept)
    if count >= len(candidates):
        dropped = told(selection.counts())
        raise DataError(
            f"data.{split}.held_out: {count:,} pairs are asked for, but after cleaning there are {len(candidates):,}"
            + f" ({dropped})" * bool(dropped),
            hint="hold out fewer, or name a text of its own",
        )
    taken = _choose(selection, candidates, count, (seed, _DRAWS.index(split)))
    near = selection.kept & _shares_sentence(selection, [side[taken] for side in selection.hashes])
    selection.verdicts[near] = Verdict.NEAR_HELD_OUT
    selection.verdicts[taken] = Verdict.HELD_OUT
    return taken


def sample(selection: Selection, count: int, *, characters: int, seed: int) -> np.ndarray:
    """Some of the kept pairs, at most `count` and about as many as hold `characters`; -> [N] bool."""
    count = min(count, max(1, int(characters / selection.characters)))
    candidates = np.flatnonzero(selection.kept)
    if len(candidates) <= count:
        return selection.kept
    return _choose(selection, candidates, count, (seed, _DRAWS.index("sample")))


def _choose(selection: Selection, candidates: np.ndarray, count: int, seed: tuple[int, int]) -> np.ndarray:
    chosen = np.zeros(len(selection.verdicts), bool)
    chosen[np.random.default_rng(seed).choice(candidates, count, replace=False, shuffle=False)] = True
    return chosen
