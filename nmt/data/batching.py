"""The batches of an epoch in their order, and the tensors that a model sees (`Batch`).

An epoch is a permutation of the pairs, of weighted texts more or fewer than once each, cut into pools; a pool is sorted
by length and cut into batches of like lengths, which come in random order. All of it is a pure function of
(seed, epoch), so a position in the data is (epoch, updates done).
"""

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

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
    batches = _shuffled(corpus, batch_tokens=batch_tokens, pool=pool, seed=seed, epoch=epoch)
    batches = islice(batches, skip * accumulate, None)
    while update := list(islice(batches, accumulate)):
        yield [batch_of(part, rows) for part, rows in update]


def _shuffled(
    corpus: Corpus, *, batch_tokens: int, pool: int, seed: int, epoch: int
) -> Iterator[tuple[Corpus, np.ndarray]]:
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(corpus.rows_of_pass(random))
    for rows in np.array_split(order, math.ceil(len(order) / pool)):
        if corpus.sampling:
            part = corpus.segment(rows, seed=int(random.integers(1 << 31)))
            planned = plan(part.lengths, batch_tokens=batch_tokens)
        else:
            part = corpus
            planned = [rows[each] for each in plan(corpus.lengths[rows], batch_tokens=batch_tokens)]
        for index in random.permutation(len(planned)):
            yield part, planned[index]


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
