"""Which training pairs stay, and which are held out: one verdict a pair, found in one pass over the text.

A sentence is known by an 8-byte hash, so that a corpus of n pairs is compared with itself and with the development and
test text in 17 n bytes (and as many again for a moment, while it is sorted).
"""

from array import array
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from nmt.config import CleaningConfig
from nmt.data.cleaning import Verdict, judge
from nmt.errors import DataError

_DRAWS = ("dev", "test", "sample")  # one seed decides all three


class Selection(NamedTuple):
    """What becomes of N training pairs."""

    verdicts: np.ndarray  # [N] uint8, a Verdict each; later steps write into it
    hashes: tuple[np.ndarray, np.ndarray]  # [N] uint64, of the source and of the target sentences
    characters: float  # mean of a pair, both sides, among those that are good by themselves

    @property
    def kept(self) -> np.ndarray:
        """[N] bool"""
        return self.verdicts == Verdict.KEPT

    def counts(self) -> dict[Verdict, int]:
        """How many pairs met with each verdict."""
        found = np.bincount(self.verdicts, minlength=len(Verdict))
        return {verdict: int(found[verdict]) for verdict in Verdict}


def examine(pairs: Iterable[tuple[str, str]], config: CleaningConfig) -> Selection:
    """Judge each pair by itself, then drop those that occurred before."""
    verdicts, sources, targets = array("B"), array("Q"), array("Q")
    characters = good = 0
    for source, target in pairs:
        verdict = judge(source, target, config)
        verdicts.append(verdict)
        sources.append(_hash(source))
        targets.append(_hash(target))
        if verdict is Verdict.KEPT:
            characters += len(source) + len(target)
            good += 1
    hashes = np.frombuffer(sources, np.uint64), np.frombuffer(targets, np.uint64)
    selection = Selection(np.frombuffer(verdicts, np.uint8), hashes, characters / max(good, 1))
    if config.duplicates:
        _drop_duplicates(selection)
    return selection


def _hash(sentence: str) -> int:
    return int.from_bytes(blake2b(sentence.strip().encode(), digest_size=8).digest(), "little")


def _drop_duplicates(selection: Selection) -> None:
    sources, targets = selection.hashes
    pairs = sources * np.uint64(0x9E3779B97F4A7C15) + targets  # modulo 2^64; the factor makes (a, b) differ from (b, a)
    order = np.argsort(pairs, kind="stable")
    pairs = pairs[order]
    repeated = order[1:][pairs[1:] == pairs[:-1]]
    repeated = repeated[selection.kept[repeated]]
    selection.verdicts[repeated] = Verdict.DUPLICATE


def overlap(selection: Selection, texts: Sequence[tuple[Sequence[str], Sequence[str]]], *, drop: bool) -> int:
    """How many of the kept pairs have their source or target in one of `texts`; with `drop` they are kept no longer."""
    known = [np.array([_hash(line) for text in texts for line in text[side]], np.uint64) for side in (0, 1)]
    found = selection.kept & _shares_sentence(selection.hashes, known)
    if drop:
        selection.verdicts[found] = Verdict.OVERLAP
    return int(found.sum())


def _shares_sentence(hashes: Sequence[np.ndarray], known: Sequence[np.ndarray]) -> np.ndarray:
    return np.isin(hashes[0], known[0]) | np.isin(hashes[1], known[1])


def hold_out(selection: Selection, count: int, *, split: str, seed: int) -> np.ndarray:
    """Take `count` kept pairs away, and with them all that share a sentence with one; -> [N] bool, those taken.

    `split` is dev or test: they draw differently from one seed. Raises DataError when there are not enough pairs.
    """
    candidates = np.flatnonzero(selection.kept)
    if count >= len(candidates):
        raise DataError(
            f"data.{split}.held_out: {count:,} pairs are asked for, but after cleaning there are {len(candidates):,}",
            hint="hold out fewer, or name a text of its own",
        )
    taken = _choose(selection, candidates, count, (seed, _DRAWS.index(split)))
    near = selection.kept & _shares_sentence(selection.hashes, [side[taken] for side in selection.hashes])
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
