"""What may follow the hypotheses of a search: the best of all their continuations, from one pass over the logits.

A row of logits is cut into blocks. The K best of a sentence that go on lie in the K blocks with the largest maxima, so
that only those are sorted; the rest of the vocabulary is read once, for its maxima and its normaliser.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from nmt.ids import EOS, UNK

# B batch, K hypotheses a sentence, R = B*K rows, V vocabulary, N blocks, W width of a block

_WIDTH = 128
"""Of a block: sorting the maxima of 8,000 ids, or 32,000, then costs about as much as sorting the blocks chosen."""
_ROWS = 16
"""Rows that a CPU normalises together, in its cache. On [195, 8000]: 0.9 ms, and 2.6 ms all at once."""


class Continuations(NamedTuple):
    """What may become of each sentence's hypotheses."""

    log_probability: Tensor  # [B, K] sums for the best that go on, falling; -inf: no such continuation
    slot: Tensor  # [B, K] of the hypothesis that each continues
    token: Tensor  # [B, K]
    token_log_probability: Tensor  # [B, K]
    ends: Tensor  # [B, K] whether a hypothesis' end mark is among the K best of all continuations
    end_log_probability: Tensor  # [B, K] sum for each hypothesis with its end mark
    end_token_log_probability: Tensor  # [B, K]


def continue_best(
    logits: Tensor, log_probability: Tensor, *, may_end: bool, full: Tensor, never: Tensor | None = None
) -> Continuations:
    """The best continuations of each sentence's hypotheses, given their logits [R, V] and log-probabilities [B, K].

    PAD and BOS never follow, EOS only if it `may_end`, and the pieces marked in `never` [R, V] do not follow either. If
    a sentence is `full` [B], nothing but EOS follows. The sums divide the probability of `never` and of an EOS that may
    not come among the other pieces, as CTranslate2 does; the probabilities of single tokens stay the model's own.
    """
    sentences, slots = log_probability.shape
    vocabulary = logits.size(1)
    width = min(_WIDTH, vocabulary)
    peaks, normaliser = _survey(logits, width)
    normaliser_of_allowed = normaliser
    if never is not None or not may_end:
        logits = logits.clone() if never is None else logits.masked_fill(never, -torch.inf)
        if not may_end:
            logits[:, EOS] = -torch.inf
        peaks, normaliser_of_allowed = _survey(logits, width)
    before = log_probability.flatten() - normaliser_of_allowed  # [R]

    block = (peaks + before[:, None]).view(sentences, -1).topk(slots).indices  # [B, K] of a sentence's K*N blocks
    slot = block.div(peaks.size(1), rounding_mode="floor").repeat_interleave(width, 1)  # [B, K*W]
    first = block % peaks.size(1) * width
    token = (first[:, :, None] + torch.arange(width, device=first.device)).flatten(1)
    allowed = (token >= UNK) & (token < vocabulary) & ~full[:, None]
    token = token.clamp(max=vocabulary - 1)  # also where there are fewer than K: a model looks it up
    row = slot + slots * torch.arange(sentences, device=slot.device)[:, None]
    value = logits.flatten()[row * vocabulary + token].to(before.dtype)
    total, chosen = torch.where(allowed, value + before[row], -torch.inf).topk(slots)
    row, value = row.gather(1, chosen), value.gather(1, chosen)

    end = logits[:, EOS].to(before.dtype)
    ending = (end + before).view(sentences, slots)
    worst = torch.cat([ending, total], 1).topk(slots).values[:, -1:]  # of the K best of all
    return Continuations(
        log_probability=total,
        slot=slot.gather(1, chosen),
        token=token.gather(1, chosen),
        token_log_probability=value - normaliser[row],
        ends=(ending >= worst) & (ending > -torch.inf),
        end_log_probability=ending,
        end_token_log_probability=(end - normaliser).view(sentences, slots),
    )


def normaliser(logits: Tensor) -> Tensor:
    """log sum_v exp(logit_v) of each row [R, V], in float32: log p = logit - normaliser."""
    return torch.cat([some.float().logsumexp(1) for some in _split(logits)])


def _split(logits: Tensor) -> Iterator[Tensor]:
    yield from logits.split(_ROWS if logits.device.type == "cpu" else max(1, len(logits)))


def _survey(logits: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """The maximum of each block's ids from UNK on, [R, N], and the normaliser of all [R], in float32."""
    vocabulary = logits.size(1)
    blocks = -(-vocabulary // width)
    parts = list(_split(logits))
    tables = torch.full((len(parts[0]), blocks * width), -torch.inf, device=logits.device)
    peaks, rest = [], []
    for some in parts:
        table = tables[: len(some)]
        table[:, UNK:vocabulary] = some[:, UNK:]
        peak = table.view(-1, blocks, width).amax(2)
        top = peak.amax(1, keepdim=True)
        peaks.append(peak)
        rest.append(table.sub_(top).exp_().sum(1).log_().add_(top[:, 0]))
        table[:, :UNK] = -torch.inf
        table[:, vocabulary:] = -torch.inf
    special = logits[:, :UNK].float().logsumexp(1)  # PAD, BOS, EOS
    return torch.cat(peaks), torch.logaddexp(torch.cat(rest), special)
