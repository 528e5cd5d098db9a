"""Given translations under teacher forcing: how probable the model finds them, and where it looks meanwhile."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nmt.data.batching import pad
from nmt.decoding.continuations import normaliser
from nmt.decoding.engine import Heads
from nmt.ids import BOS, EOS, PAD
from nmt.models.base import Seq2Seq

# B batch, S source, T target, D width

_CHUNK = 1024  # positions whose logits exist at once


@torch.inference_mode()
def log_probabilities(model: Seq2Seq, src: Tensor, targets: Sequence[Sequence[int]]) -> list[list[float]]:
    """log p(y_t | y_<t, x) of each target's ids and, last, of its end mark; sources [B, S]."""
    tgt_out = pad([[*ids, EOS] for ids in targets]).to(src.device)
    real = tgt_out != PAD
    hidden = model(src, _begun(targets, src)).hidden[real]
    chunks = zip(hidden.split(_CHUNK), tgt_out[real].split(_CHUNK), strict=True)
    logs = torch.cat([_log_probability(model.project(each).float(), ids) for each, ids in chunks])
    return [each.tolist() for each in logs.cpu().split([len(ids) + 1 for ids in targets])]


@torch.inference_mode()
def attention(
    model: Seq2Seq, src: Tensor, targets: Sequence[Sequence[int]], heads: Heads
) -> list[Tensor | None]:
    """The attention to the source, for each target: [T, S], end marks included. None for a model without attention."""
    maps = model.explain(src, _begun(targets, src)).cross
    if maps is None:
        return [None] * len(targets)
    lengths = (src != PAD).sum(1).tolist()
    maps = heads.of(maps.float()).cpu()
    return [each[: len(ids) + 1, :length] for each, ids, length in zip(maps, targets, lengths, strict=True)]


def _begun(targets: Sequence[Sequence[int]], src: Tensor) -> Tensor:
    return pad([[BOS, *ids] for ids in targets]).to(src.device)


def _log_probability(logits: Tensor, ids: Tensor) -> Tensor:
    """Logits [R, V], ids [R] -> [R]."""
    return logits.gather(1, ids[:, None])[:, 0] - normaliser(logits)
