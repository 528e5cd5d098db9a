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
from nmt.errors import NMTError
from nmt.ids import BOS, EOS, PAD, UNK
from nmt.models.base import Seq2Seq, select

# B batch, K slots a sentence, T target, V vocabulary, C candidates a hypothesis, N n_best

_ROWS = 16
"""Rows of logits that a CPU normalises together, in its cache. On [195, 8000]: 0.9 ms, and 2.6 ms all at once."""


class Hypothesis(NamedTuple):
    """A translation in ids."""

    ids: list[int]
    """Without begin and end mark."""
    score: float
    """log p(y|x) / n^alpha."""
    log_probability: float
    """log p(y|x), natural logarithm, end mark included."""
    token_log_probabilities: list[float]
    """log p(y_t | y_<t, x) of each id and, last, of the end mark."""


class Beams(NamedTuple):
    """What search knows of the sentences it works on: a `Tree` with one row a sentence."""

    sentence: Tensor  # [B] place in the batch
    limit: Tensor  # [B] most pieces
    slots: Tensor  # [B] not yet given up
    best: Tensor  # [B, N] scores of the best finished, falling; -inf where there is none yet
    log_probability: Tensor  # [B, K] of the live hypotheses; -inf in an empty slot
    ids: Tensor  # [B, K, T]
    token_log_probabilities: Tensor  # [B, K, T]


class Continuations(NamedTuple):
    """The best candidates of each sentence, best first."""

    log_probability: Tensor  # [B, K] of the whole hypothesis; -inf: no such candidate
    slot: Tensor  # [B, K] of the hypothesis that it continues
    token: Tensor  # [B, K]
    token_log_probability: Tensor  # [B, K]


@torch.inference_mode()
def beam_search(model: Seq2Seq, src: Tensor, search: SearchConfig) -> list[list[Hypothesis]]:
    """The n_best hypotheses of each source [B, S], best first; fewer where the model allows no more.

    PAD and BOS are never produced. Raises NMTError when the model's output is not a number.
    """
    encoded = model.encode(src)
    state = model.start(encoded, search.beam)
    beams = _start(model, src, search)
    token = src.new_full((len(src) * search.beam,), BOS)
    found: list[list[Hypothesis]] = [[] for _ in src]
    for position in range(int(beams.limit.max()) + 1):
        hidden, state = model.step(token, encoded, state)
        best = _continue(model.project(hidden).float(), beams, position, fewest_pieces(model, search))
        beams, rows, ended = _advance(beams, best, position)
        beams = _collect(beams, ended, position, search, found)

        bound = beams.log_probability.amax(1) / (beams.limit + 1) ** search.length_penalty
        open = (bound > beams.best[:, -1]).nonzero().flatten()
        if not len(open):
            break
        token = best.token
        if len(open) < len(bound):
            encoded, beams, rows, token = select((encoded, beams, rows, token), open)
        token = token.flatten()
        if not torch.equal(rows.flatten(), torch.arange(bound.numel() * search.beam, device=rows.device)):
            state = select(state, rows.flatten())
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


def normaliser(logits: Tensor) -> Tensor:
    """log sum_v exp(logit_v) of each row [R, V]: log p = logit - normaliser, without a second table like the first."""
    rows = _ROWS if logits.device.type == "cpu" else len(logits)
    return torch.cat([some.logsumexp(1) for some in logits.split(rows)])


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


def _continue(logits: Tensor, beams: Beams, position: int, min_length: int) -> Continuations:
    """The K best continuations of each sentence's hypotheses, from logits [B*K, V]."""
    sentences, slots = beams.log_probability.shape
    first = UNK if position < min_length else EOS  # PAD and BOS come before, so a view leaves them out
    values, tokens = logits[:, first:].topk(min(slots, logits.shape[1] - first))  # [B*K, C]
    tokens += first
    full = (beams.limit == position).repeat_interleave(slots)
    if full.any():  # only the end mark is left
        tokens[full] = EOS
        values[full, 0] = logits[full, EOS]
        values[full, 1:] = -torch.inf
    values -= normaliser(logits)[:, None]
    total = (values + beams.log_probability.view(-1, 1)).view(sentences, -1)  # [B, K*C]
    log_probability, chosen = total.topk(slots)
    return Continuations(
        log_probability,
        slot=chosen.div(values.shape[1], rounding_mode="floor"),
        token=tokens.view(sentences, -1).gather(1, chosen),
        token_log_probability=values.view(sentences, -1).gather(1, chosen),
    )


def _advance(beams: Beams, best: Continuations, position: int) -> tuple[Beams, Tensor, Tensor]:
    """Put the continuations in the slots that are left.

    Returns the beams, the State rows [B, K] that they continue, and which of them ended, [B, K].
    """
    sentences, slots = best.slot.shape
    rank = torch.arange(slots, device=best.slot.device)
    log_probability = best.log_probability.masked_fill(rank >= beams.slots[:, None], -torch.inf)
    rows = best.slot + slots * torch.arange(sentences, device=rank.device)[:, None]
    ids = beams.ids.flatten(0, 1)[rows]
    ids[..., position] = best.token
    token_log_probabilities = beams.token_log_probabilities.flatten(0, 1)[rows]
    token_log_probabilities[..., position] = best.token_log_probability
    ended = (best.token == EOS) & (log_probability > -torch.inf)
    advanced = beams._replace(
        log_probability=log_probability, ids=ids, token_log_probabilities=token_log_probabilities
    )  # fmt: skip
    return advanced, rows, ended


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


def _ranked(hypotheses: list[Hypothesis]) -> list[Hypothesis]:
    if not hypotheses:
        raise NMTError("the model's probabilities are not numbers", hint="training diverged: try a lower training.lr")
    return sorted(hypotheses, key=lambda hypothesis: hypothesis.score, reverse=True)
