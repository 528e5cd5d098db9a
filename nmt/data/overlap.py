"""Training pairs that share text with the development or test text, by what they share.

A model that has seen a test pair, or its source, is tested on its memory. A shared target alone is different: short
answers such as "Yes." translate many sources, and dropping them all would cost a text of short lines many good pairs.
"""

from typing import Literal, NamedTuple

import numpy as np

Drop = Literal["keep", "pairs", "sources", "all"]
"""Which of these pairs leave the training text: none, whole pairs, pairs with a shared source as well, or all."""

_KINDS = {"keep": 0, "pairs": 1, "sources": 2, "all": 3}


class Overlap(NamedTuple):
    """Training pairs that share text with one split. Each pair is counted once, in the first field that fits."""

    pairs: int = 0
    """Both sides are a pair of the split."""
    sources: int = 0
    """The source is a source of the split."""
    targets: int = 0
    """The target is a target of the split."""


def shared(
    hashes: tuple[np.ndarray, np.ndarray], split: tuple[np.ndarray, np.ndarray], *, mirrored: bool
) -> np.ndarray:
    """Compare the hashes of N training pairs with those of a split; -> [N] uint8: 0 nothing, or 1 + the field.

    With `mirrored` training pairs are compared in both directions, for texts that are used in both.
    """
    sources, targets = (np.isin(side, known) for side, known in zip(hashes, split, strict=True))
    pairs = np.isin(joined(*hashes), joined(*split))
    if mirrored:
        pairs |= np.isin(joined(*hashes[::-1]), joined(*split))
        sources |= np.isin(hashes[1], split[0])
        targets |= np.isin(hashes[0], split[1])
    return np.select([pairs, sources, targets], [1, 2, 3], 0).astype(np.uint8)


def counted(kinds: np.ndarray) -> Overlap:
    """The numbers of pairs of each kind."""
    return Overlap(*(int(each) for each in np.bincount(kinds, minlength=4)[1:]))


def dropped(kinds: np.ndarray, drop: Drop) -> np.ndarray:
    """[N] bool: the pairs that leave the training text."""
    return (kinds > 0) & (kinds <= _KINDS[drop])


def joined(sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """[N] uint64: the hash of each pair, from those of its sides. The factor makes (a, b) differ from (b, a)."""
    return sources * np.uint64(0x9E3779B97F4A7C15) + targets  # modulo 2^64
