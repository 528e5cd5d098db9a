"""Beam search over any model that keeps the contract of nmt.models.base; greedy search is beam 1.

    score(y) = log p(y|x) / n^alpha        n the length of y with its end mark, alpha the length penalty

A sentence keeps K hypotheses alive: of all their continuations the K best that go on. An end mark that is among the K
best of all ends its hypothesis and takes no slot from the others. The sentence is over
- when 1.4 K have ended (PATIENCE; Kasai 2022) and the best of them scores no less than any live one as it stands: in
  greedy search, when the first has ended;
- or before, when no live hypothesis can overtake the n_best-th that ended. That never changes what is found: log p only
  falls and no length exceeds max_n, so that nothing that comes of it can score more than log p / max_n^alpha.
"""

from operator import itemgetter
from typing import NamedTuple

import torch
from torch import Tensor

from nmt.config.search import SearchConfig
from nmt.decoding.continuations import Continuations, continue_best
from nmt.decoding.hypothesis import PATIENCE, Hypothesis, scored
from nmt.decoding.ngrams import repeating
from nmt.errors import NMTError
from nmt.ids import BOS, EOS, PAD
from nmt.models.base import Seq2Seq, continue_from, select

# B batch, K hypotheses a sentence, T target, N n_best

_LEAVE = 32
"""Hypotheses of sentences that leave together: a CPU compiles bfloat16 products anew for each number of rows, which is
slower than computing some of them for nothing."""


class Beams(NamedTuple):
    """What search knows of the sentences it works on: a `Tree` with one row a sentence."""

    sentence: Tensor  # [B] place in the batch
    limit: Tensor  # [B] most pieces
    ended: Tensor  # [B] how many hypotheses have
    best: Tensor  # [B, N] scores of the best finished, falling; -inf where there is none yet
    log_probability: Tensor  # [B, K] sums for the live hypotheses; -inf in an empty slot
    ids: Tensor  # [B, K, T]
    token_log_probabilities: Tensor  # [B, K, T] the model's own


@torch.inference_mode()
def beam_search(model: Seq2Seq, src: Tensor, search: SearchConfig) -> list[list[Hypothesis]]:
    """The n_best hypotheses of each source [B, S], best first; fewer where the model allows no more.

    PAD and BOS are never produced. Raises NMTError when the model's output is not a number.
    """
    encoded = model.encode(src)
    state = model.start(encoded, 1)
    beams = _start(model, src, search)
    token = src.new_full((len(src), 1), BOS)
    found: list[list[tuple[float, Hypothesis]]] = [[] for _ in src]
    slots = torch.arange(search.beam, device=src.device)
    for position in range(int(beams.limit.max()) + 1):
        hidden, state = model.step(token, encoded, state)
        logits = model.project(hidden.flatten(0, 1))
        if position == 0:  # all hypotheses begin alike: one was computed for all
            logits = logits.repeat_interleave(search.beam, 0)
        may_end = position >= fewest_pieces(model, search)
        never = repeating(beams.ids[..., :position].flatten(0, 1), search.no_repeat_ngram, logits.size(1))
        best = continue_best(logits, beams.log_probability, may_end=may_end, full=beams.limit == position, never=never)
        scores = best.end_log_probability / (position + 1) ** search.length_penalty
        before, beams = beams, _advance(beams, best, position, scores)
        open = _open(beams, position, search)
        moved = (best.slot != slots) & open[:, None]
        ending, left, moving = torch.stack([best.ends.sum(), open.sum(), moved.sum()]).tolist()
        if ending:
            _collect(before, best, position, scores, search, found)
        if not left:
            break
        beams = beams._replace(log_probability=beams.log_probability.masked_fill(~open[:, None], -torch.inf))
        token, origin, staying = best.token, best.slot if position else best.slot * 0, _staying(left, search.beam)
        if staying < len(open):
            stay = open.int().argsort(descending=True, stable=True)[:staying]
            encoded, state, beams, token, origin = select((encoded, state, beams, token, origin), stay)
        if moving or position == 0:
            state = model.reorder(state, origin)
    return [_ranked(hypotheses)[: search.n_best] for hypotheses in found]


def fewest_pieces(model: Seq2Seq, search: SearchConfig) -> int:
    """Pieces before which no translation ends; the model's own limit wins."""
    return min(search.min_length, model.max_length - 1)


def most_pieces(model: Seq2Seq, src: Tensor, search: SearchConfig) -> Tensor:
    """Pieces after which a translation must end, [B]: by the config, never less than its minimum or more than fits."""
    pieces = (src != PAD).sum(1) - 1
    allowed = (pieces * search.max_length_factor + search.max_length_extra).long()
    if search.max_length is not None:
        allowed = torch.full_like(pieces, search.max_length)
    return allowed.clamp(min=search.min_length).clamp(max=model.max_length - 1)


def _start(model: Seq2Seq, src: Tensor, search: SearchConfig) -> Beams:
    rows = len(src)
    limit = most_pieces(model, src, search)
    log_probability = torch.full((rows, search.beam), -torch.inf, device=src.device)
    log_probability[:, 0] = 0  # the slots begin alike: only one may count
    length = int(limit.max()) + 1
    return Beams(
        sentence=torch.arange(rows, device=src.device),
        limit=limit,
        ended=torch.zeros_like(limit),
        best=torch.full((rows, search.n_best), -torch.inf, device=src.device),
        log_probability=log_probability,
        ids=src.new_full((rows, search.beam, length), EOS),
        token_log_probabilities=torch.zeros(rows, search.beam, length, device=src.device),
    )


def _collect(
    beams: Beams, best: Continuations, position: int, scores: Tensor, search: SearchConfig,
    found: list[list[tuple[float, Hypothesis]]],
) -> None:  # fmt: skip
    """Add those of the hypotheses in `beams` that end to `found`, with the scores [B, K] by which they are ranked."""
    row, slot = best.ends.nonzero(as_tuple=True)
    last = best.end_token_log_probability[row, slot, None]
    ids = beams.ids[row, slot, :position].tolist()
    logs = torch.cat([beams.token_log_probabilities[row, slot, :position], last], 1).tolist()
    ranks = scores[row, slot].tolist()
    for number, *hypothesis, rank in zip(beams.sentence[row].tolist(), ids, logs, ranks, strict=True):
        found[number].append((rank, scored(*hypothesis, search)))


def _advance(beams: Beams, best: Continuations, position: int, scores: Tensor) -> Beams:
    """Count the hypotheses that end, whose scores are among these, and fill the slots with those that go on."""
    ended = torch.cat([beams.best, scores.masked_fill(~best.ends, -torch.inf)], 1)
    ids, token_log_probabilities = continue_from((beams.ids, beams.token_log_probabilities), best.slot)
    ids[..., position] = best.token
    token_log_probabilities[..., position] = best.token_log_probability
    return beams._replace(
        ended=beams.ended + best.ends.sum(1), best=ended.topk(beams.best.size(1)).values,
        log_probability=best.log_probability, ids=ids, token_log_probabilities=token_log_probabilities,
    )  # fmt: skip


def _open(beams: Beams, position: int, search: SearchConfig) -> Tensor:
    """Sentences that are not over, [B]."""
    best, alpha = beams.log_probability.amax(1), search.length_penalty
    can_overtake = best / (beams.limit + 1) ** alpha > beams.best[:, -1]
    ahead = best / (position + 1) ** alpha > beams.best[:, 0]
    return can_overtake & (ahead | (beams.ended < round(PATIENCE * search.beam)))


def _staying(open: int, slots: int) -> int:
    """How many sentences stay: those that are open, and so many others that they leave in groups."""
    group = max(1, _LEAVE // slots)
    return -(-open // group) * group


def _ranked(hypotheses: list[tuple[float, Hypothesis]]) -> list[Hypothesis]:
    if not hypotheses:
        raise NMTError("the model's probabilities are not numbers", hint="training diverged: try a lower training.lr")
    return [hypothesis for _, hypothesis in sorted(hypotheses, key=itemgetter(0), reverse=True)]
