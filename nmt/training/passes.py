"""How a batch goes through the model in training: once or twice, and what of its words is hidden.

    word_dropout   a piece of the input is replaced by the unknown one with this probability, in the source and in the
                   target so far (Xie 2017, blank noising; of the target alone Bowman 2016)
    cutoff         the embedding of a piece is 0 with this probability, its place stays (Shen 2020)
    r_drop         two passes p and q, which differ in what dropout and cutoff draw:
                   (CE(p) + CE(q)) / 2 + alpha / 4 (KL(p || q) + KL(q || p))                            (Liang 2021)
    simcut         p sees the words and q what cutoff leaves of them: CE(p) + alpha KL(p || q)            (Gao 2022)

What is to be predicted is never touched, nor are end marks, BOS and tags. Both passes are one of twice the rows. The
gradient goes through p and q alike, also in SimCut, to whose gain that is the key (Gao 2022). What cutoff leaves is not
scaled up, as published. R-Drop's loss is half of the published one, so that its gradient is as large as that of one
pass, and clipping and the logged loss mean what they always do.

To replace a word by the unknown one is noise of the data: drawn once a pair, the same in both passes. A model whose
text has nothing unknown (byte_fallback) is free to learn that vector as "something stood here". To zero a word's
embedding, which other toolkits call word dropout too (Sennrich 2016), is cutoff.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from nmt.config import TrainingConfig
from nmt.data.batching import Batch
from nmt.ids import UNK
from nmt.models.base import Cut

# B batch, T positions


class Passes(NamedTuple):
    """One or two passes of each pair, p and q."""

    word_dropout: float = 0.0
    cutoffs: tuple[float, ...] = (0.0,)
    """Of each pass."""
    shares: tuple[float, ...] = (1.0,)
    """What the cross entropy of each pass counts; 1 together."""
    pulls: tuple[float, float] = (0.0, 0.0)
    """What KL(p || q) and KL(q || p) count."""
    slots: int = 0
    """So many ids behind the four marks are for tags."""

    @property
    def count(self) -> int:
        """How many."""
        return len(self.shares)


def passes(config: TrainingConfig, *, slots: int = 0) -> Passes:
    """What the config asks for, of a vocabulary with so many slots for tags."""
    words, cutoff = config.word_dropout, config.cutoff
    if config.r_drop:
        return Passes(words, (cutoff, cutoff), (0.5, 0.5), (config.r_drop / 4, config.r_drop / 4), slots)
    if config.simcut:
        return Passes(words, (0.0, cutoff), (1.0, 0.0), (config.simcut, 0.0), slots)
    return Passes(words, (cutoff,), slots=slots)


def inputs(batch: Batch, passes: Passes) -> tuple[Tensor, Tensor, Cut]:
    """The source and the target so far of all passes, one below the other, and what is cut off there; on the CPU."""
    src, tgt_in = (_blanked(ids, passes) for ids in (batch.src, batch.tgt_in))
    cut = Cut(*(_cut(ids, passes) for ids in (src, tgt_in))) if any(passes.cutoffs) else Cut()
    if passes.count == 1:
        return src, tgt_in, cut
    return src.repeat(passes.count, 1), tgt_in.repeat(passes.count, 1), cut


def _blanked(ids: Tensor, passes: Passes) -> Tensor:
    return ids.masked_fill(_drawn(ids, passes.word_dropout, passes.slots), UNK) if passes.word_dropout else ids


def _cut(ids: Tensor, passes: Passes) -> Tensor:
    """Ids [B, T] -> what each pass does not see, [passes * B, T]."""
    return torch.cat([_drawn(ids, cutoff, passes.slots) for cutoff in passes.cutoffs])


def _drawn(ids: Tensor, probability: float, slots: int) -> Tensor:
    """True with the probability at each piece; False at padding, marks and tags, which tell what a sentence is."""
    return (torch.rand(ids.shape) < probability) & (ids > UNK + slots)
