"""Beam search over any model that keeps the contract of nmt.models.base; greedy search is beam 1.

    score(y) = log p(y|x) / n^alpha        n the length of y with its end mark, alpha the length penalty

A sentence has K slots. In each step the best continuations of its live hypotheses fill the slots that are left; one
that ends gives its slot up and joins the finished (Sutskever 2014, Graves 2012). As log p only falls, a live hypothesis
cannot score more than log p / max_n^alpha: when none can overtake the n_best-th finished one, the sentence leaves.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from nmt.config.search import SearchConfig
from nmt.decoding.continuations import Continuations, continue_best
from nmt.decoding.hypothesis import Hypothesis
from nmt.errors import NMTError
from nmt.ids import BOS, EOS, PAD, UNK
from nmt.models.base import Seq2Seq, continue_from, select

# B batch, K slots a sentence, T target, N n_best

_LEAVE = 32
"""Hypotheses of sentences that leave together: a CPU compiles bfloat16 products anew for each number of rows, which is
slower than computing some of them for nothing."""


class Beams(NamedTuple):
    """What search knows of the sentences it works on: a `Tree` with one row a sentence."""

    sentence: Tensor  # [B] place in the batch
    limit: Tensor  # [B] most pieces
    slots: Tensor  # [B] not yet given up
    best: Tensor  # [B, N] scores of the best finished, falling; -inf where there is none yet
    log_probability: Tensor  # [B, K] of the live hypotheses; -inf in an empty slot
    ids: Tensor  # [B, K, T]
    token_log_probabilities: Tensor  # [B, K, T]


@torch.inference_mode()
def beam_search(model: Seq2Seq, src: Tensor, search: SearchConfig) -> list[list[Hypothesis]]:
    """The n_best hypotheses of each source [B, S], best first; fewer where the model allows no more.

    PAD and BOS are never produced. Raises NMTError when the model's output is not a number.
    """
    encoded = model.encode(src)
    state = model.start(encoded, search.beam)
    beams = _start(model, src, search)
    token = src.new_full((len(src), search.beam), BOS)
    found: list[list[Hypothesis]] = [[] for _ in src]
    slots = torch.arange(search.beam, device=src.device)
    for position in range(int(beams.limit.max()) + 1):
        first = UNK if position < fewest_pieces(model, search) else EOS  # never PAD or BOS, which come before
        hidden, state = model.step(token, encoded, state)
        logits = model.project(hidden.flatten(0, 1))
        best = continue_best(logits, beams.log_probability, beams.limit == position, first)
        beams, ended = _advance(beams, best, position)
        beams = _collect(beams, ended, position, search, found)

        open = _open(beams, search)
        if not open.any():
            break
        beams.log_probability[~open] = -torch.inf
        token, origin, stay = best.token, best.slot, _staying(open, search.beam)
        if len(stay) < len(open):
            encoded, state, beams, token, origin = select((encoded, state, beams, token, origin), stay)
        if not torch.equal(origin, slots.expand_as(origin)):
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
        slots=torch.full_like(limit, search.beam),
        best=torch.full((rows, search.n_best), -torch.inf, device=src.device),
        log_probability=log_probability,
        ids=src.new_full((rows, search.beam, length), EOS),
        token_log_probabilities=torch.zeros(rows, search.beam, length, device=src.device),
    )


def _advance(beams: Beams, best: Continuations, position: int) -> tuple[Beams, Tensor]:
    """Put the continuations in the slots that are left. Returns the beams and which of them ended, [B, K]."""
    rank = torch.arange(best.slot.size(1), device=best.slot.device)
    log_probability = best.log_probability.masked_fill(rank >= beams.slots[:, None], -torch.inf)
    ids, token_log_probabilities = continue_from((beams.ids, beams.token_log_probabilities), best.slot)
    ids[..., position] = best.token
    token_log_probabilities[..., position] = best.token_log_probability
    ended = (best.token == EOS) & (log_probability > -torch.inf)
    advanced = beams._replace(
        log_probability=log_probability, ids=ids, token_log_probabilities=token_log_probabilities
    )  # fmt: skip
    return advanced, ended


def _collect(beams: Beams, ended: Tensor, position: int, search: SearchConfig, found: list[list[Hypothesis]]) -> Beams:
    """Move the hypotheses that ended from their slots to `found`."""
    if not ended.any():
        return beams
    length = position + 1
    score = beams.log_probability / length**search.length_penalty
    sentence = beams.sentence[:, None].expand_as(ended)[ended].tolist()
    hypotheses = map(
        Hypothesis,
        beams.ids[ended][:, :position].tolist(),
        score[ended].tolist(),
        beams.log_probability[ended].tolist(),
        beams.token_log_probabilities[ended][:, :length].tolist(),
    )
    for number, hypothesis in zip(sentence, hypotheses, strict=True):
        found[number].append(hypothesis)
    best = torch.cat([beams.best, score.masked_fill(~ended, -torch.inf)], 1).topk(search.n_best).values
    live = beams.log_probability.masked_fill(ended, -torch.inf)
    return beams._replace(slots=beams.slots - ended.sum(1), best=best, log_probability=live)


def _open(beams: Beams, search: SearchConfig) -> Tensor:
    """Sentences of which a live hypothesis can still overtake the n_best, [B]."""
    bound = beams.log_probability.amax(1) / (beams.limit + 1) ** search.length_penalty
    return bound > beams.best[:, -1]


def _staying(open: Tensor, slots: int) -> Tensor:
    """The open sentences, and so many others that they leave in groups."""
    group = max(1, _LEAVE // slots)
    return open.int().argsort(descending=True, stable=True)[: -(-int(open.sum()) // group) * group]


def _ranked(hypotheses: list[Hypothesis]) -> list[Hypothesis]:
    if not hypotheses:
        raise NMTError("the model's probabilities are not numbers", hint="training diverged: try a lower training.lr")
    return sorted(hypotheses, key=lambda hypothesis: hypothesis.score, reverse=True)
