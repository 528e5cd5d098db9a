"""Given translations under teacher forcing: how probable the model finds them, and where it looks meanwhile."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nmt.data.batching import pad
from nmt.decoding.continuations import normaliser
from nmt.decoding.engine import HeadChoice
from nmt.ids import BOS, EOS, PAD
from nmt.models.base import Attention, Seq2Seq

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
    model: Seq2Seq, src: Tensor, targets: Sequence[Sequence[int]], heads: HeadChoice
) -> list[Tensor | None]:
    """The attention to the source, for each target: [T, S], end marks included. None for a model without attention."""
    maps = model.explain(src, _begun(targets, src)).cross
    if maps is None:
        return [None] * len(targets)
    lengths = (src != PAD).sum(1).tolist()
    maps = heads.of(maps.float()).cpu()
    return [each[: len(ids) + 1, :length] for each, ids, length in zip(maps, targets, lengths, strict=True)]


@torch.inference_mode()
def explain(model: Seq2Seq, src: Tensor, targets: Sequence[Sequence[int]]) -> list[Attention]:
    """All attention for each target, [layer, head, query, key] without padding, in float32 on the CPU.

    Queries and keys are the source's ids and its end mark, and on the target's side the begin mark and its ids.
    """
    maps = model.explain(src, _begun(targets, src))
    sizes = zip((src != PAD).sum(1).tolist(), [len(ids) + 1 for ids in targets], strict=True)
    return [_cut(maps, row, source, target) for row, (source, target) in enumerate(sizes)]


def _cut(maps: Attention, row: int, source: int, target: int) -> Attention:
    sizes = Attention(encoder=(source, source), decoder=(target, target), cross=(target, source))
    return Attention(*(
        None if kind is None else kind[row, :, :, :queries, :keys].float().cpu()
        for kind, (queries, keys) in zip(maps, sizes, strict=True)
    ))  # fmt: skip


def _begun(targets: Sequence[Sequence[int]], src: Tensor) -> Tensor:
    return pad([[BOS, *ids] for ids in targets]).to(src.device)


def _log_probability(logits: Tensor, ids: Tensor) -> Tensor:
    """Logits [R, V], ids [R] -> [R]."""
    return logits.gather(1, ids[:, None])[:, 0] - normaliser(logits)
