"""Batches by hand."""

from collections.abc import Sequence

from nmt.data.batching import Batch, pad
from nmt.ids import BOS, EOS


def batch_of(sources: Sequence[list[int]], targets: Sequence[list[int]]) -> Batch:
    """Of rows of ids without their marks."""
    src, tgt_out = (pad([[*row, EOS] for row in rows]) for rows in (sources, targets))
    return Batch(src, pad([[BOS, *row] for row in targets]), tgt_out)
