"""The batches of an epoch in their order, and the tensors that a model sees (`Batch`).

An epoch is a permutation of the pairs, of weighted texts more or fewer than once each, cut into pools; a pool is sorted
by length and cut into batches of like lengths, which come in random order. All of it is a pure function of
(seed, epoch), so a position in the data is (epoch, updates done).
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count, islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nmt.data.ahead import Draw, Lines
from nmt.data.corpus import Corpus, Ragged
from nmt.data.planning import plan
from nmt.ids import BOS, EOS, PAD

# B rows, S source ids, T target ids, N pairs


class Batch(NamedTuple):
    """Padded on the right; int64 on the CPU."""

    src: Tensor  # [B, S] pieces + EOS
    tgt_in: Tensor  # [B, T] BOS + pieces
    tgt_out: Tensor  # [B, T] pieces + EOS


def updates(
    corpus: Corpus, *, batch_tokens: int, accumulate: int, pool: int, seed: int, epoch: int, skip: int = 0
) -> Iterator[list[Batch]]:
    """The batches of one epoch, `accumulate` together (fewer in the last update); the first `skip` updates left out."""
    pools = _pools(corpus, pool=pool, seed=seed, epoch=epoch)
    for update in islice(_grouped(_planned(corpus, pools, batch_tokens), accumulate), skip, None):
        yield _made(update)


def endless_updates(
    corpus: Corpus, *, batch_tokens: int, accumulate: int, pool: int, seed: int, epoch: int, skip: int = 0,
    draw: Draw | None = None,
) -> Iterator[tuple[list[Batch], bool]]:  # fmt: skip
    """The same of this epoch and all that follow, and whether an update is the last of its epoch.

    `draw` (nmt.data.ahead) draws the segmentations of a sampled corpus, of pools that come later too; None draws each
    when its turn comes.
    """
    pools = chain.from_iterable(_pools(corpus, pool=pool, seed=seed, epoch=each) for each in count(epoch))
    for update in islice(_grouped(_planned(corpus, pools, batch_tokens, draw), accumulate), skip, None):
        yield _made(update), update[-1].ends


class _Pool(NamedTuple):
    """Pairs that are sorted together."""

    rows: np.ndarray
    seed: int
    """Of their segmentation, where that is drawn."""
    random: np.random.Generator
    """Of their epoch: the order of the batches."""
    ends: bool
    """Whether it is the last of its epoch."""


class _Planned(NamedTuple):
    """A batch to be made."""

    corpus: Corpus
    rows: np.ndarray
    ends: bool


def _pools(corpus: Corpus, *, pool: int, seed: int, epoch: int) -> Iterator[_Pool]:
    """Of one epoch."""
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(corpus.rows_of_pass(random))
    parts = np.array_split(order, math.ceil(len(order) / pool))
    seeds = random.integers(1 << 31, size=len(parts)).tolist() if corpus.sampling else [0] * len(parts)
    for number, (rows, each) in enumerate(zip(parts, seeds, strict=True), start=1):
        yield _Pool(rows, each, random, number == len(parts))


def _planned(
    corpus: Corpus, pools: Iterable[_Pool], batch_tokens: int, draw: Draw | None = None
) -> Iterator[_Planned]:
    """The batches of each pool, in random order."""
    for pool, part, rows in _segmented(corpus, pools, draw):
        planned = [rows[each] for each in plan(part.lengths[rows], batch_tokens=batch_tokens)]
        for left, index in zip(range(len(planned))[::-1], pool.random.permutation(len(planned)), strict=True):
            yield _Planned(part, planned[index], pool.ends and not left)


def _segmented(
    corpus: Corpus, pools: Iterable[_Pool], draw: Draw | None
) -> Iterator[tuple[_Pool, Corpus, np.ndarray]]:
    """Each pool, and where its pairs are: in the corpus, or in one of their own with the segmentation that is drawn."""
    if corpus.sampling is None:
        yield from ((pool, corpus, pool.rows) for pool in pools)
        return
    asked: deque[_Pool] = deque()

    def ask() -> Iterator[Lines]:
        for pool in pools:
            asked.append(pool)
            yield corpus.lines(pool.rows, seed=pool.seed)

    for drawn in (draw or corpus.draw)(ask()):
        pool = asked.popleft()
        yield pool, corpus.segmented(pool.rows, drawn), np.arange(len(pool.rows))


def _grouped(batches: Iterable[_Planned], accumulate: int) -> Iterator[list[_Planned]]:
    """Updates, each within one epoch."""
    update = []
    for batch in batches:
        update.append(batch)
        if batch.ends or len(update) == accumulate:
            yield update
            update = []


def _made(update: list[_Planned]) -> list[Batch]:
    return [batch_of(each.corpus, each.rows) for each in update]


def batches(corpus: Corpus, *, batch_tokens: int) -> Iterator[Batch]:
    """All pairs, sorted by length."""
    for rows in plan(corpus.lengths, batch_tokens=batch_tokens):
        yield batch_of(corpus, rows)


def batch_of(corpus: Corpus, rows: np.ndarray) -> Batch:
    """Some pairs of a corpus."""
    source, source_lengths = _padded(corpus.ids[0], rows)
    target, target_lengths = _padded(corpus.ids[1], rows, backwards=corpus.right_to_left)
    index = np.arange(len(rows))
    begin = np.full((len(rows), 1), BOS, np.int64)
    tgt_in = np.concatenate([begin, target[:, :-1]], 1)
    source[index, source_lengths] = EOS
    target[index, target_lengths] = EOS
    return Batch(torch.from_numpy(source), torch.from_numpy(tgt_in), torch.from_numpy(target))


def _padded(side: Ragged, rows: np.ndarray, *, backwards: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Rows as a rectangle with room for one more id each, and their lengths."""
    starts = side.starts[rows]
    lengths = side.starts[rows + 1] - starts
    ends = lengths.cumsum()
    index = np.arange(ends[-1])  # of all their ids, end to end
    places = np.repeat(starts + ends - 1, lengths) - index if backwards else (
        np.repeat(starts - ends + lengths, lengths) + index
    )  # fmt: skip
    rectangle = np.full((len(rows), lengths.max() + 1), PAD, np.int64)
    rectangle[np.arange(rectangle.shape[1]) < lengths[:, None]] = side.values[places]
    return rectangle, lengths


def pad(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows of ids as [B, longest] int64, PAD on the right."""
    padded = torch.full((len(rows), max(map(len, rows), default=0)), PAD)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = torch.as_tensor(ids, dtype=torch.int64)
    return padded
