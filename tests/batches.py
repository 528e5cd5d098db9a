"""Batches by hand."""

from collections.abc import Iterator, Sequence
from typing import Any

from nmt.data.batching import Batch, endless_updates, pad
from nmt.data.corpus import Corpus
from nmt.ids import BOS, EOS


def batch_of(sources: Sequence[list[int]], targets: Sequence[list[int]]) -> Batch:
    """Of rows of ids without their marks."""
    src, tgt_out = (pad([[*row, EOS] for row in rows]) for rows in (sources, targets))
    return Batch(src, pad([[BOS, *row] for row in targets]), tgt_out)


def updates(corpus: Corpus, **settings: Any) -> Iterator[list[Batch]]:
    """Those of one epoch."""
    for update, ends in endless_updates(corpus, **settings):
        yield update
        if ends:
            return
