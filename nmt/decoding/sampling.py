"""Drawing translations from the model instead of searching for the best one.

    y_t ~ p(y_t | y_<t, x)^(1/temperature), if wanted only among the top_k likeliest pieces (Fan 2018),
                                            or the likeliest that together reach probability top_p (Holtzman 2020)

One uniform number decides each piece, so a translation depends on its own seed and on no neighbour (but for the last
digits of the model's arithmetic, in which a row of a small batch may differ from one of a large batch).
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from nmt.config.search import SearchConfig
from nmt.decoding.continuations import normaliser
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.ngrams import repeating
from nmt.decoding.search import fewest_pieces, most_pieces
from nmt.errors import NMTError
from nmt.ids import BOS, EOS, UNK
from nmt.models.base import Seq2Seq, select

# B batch, K draws a sentence (n_best), T target, V vocabulary


@torch.inference_mode()
def draw(model: Seq2Seq, src: Tensor, search: SearchConfig, seeds: Sequence[int]) -> list[list[Hypothesis]]:
    """n_best independent draws for each source [B, S], in the order drawn; `seeds` holds one number a sentence.

    A draw depends on search.seed, its sentence's seed and its place among the draws. Probabilities and scores are the
    model's own, before temperature, top_k and top_p, so that they compare with those of search.
    Raises NMTError when the model's output is not a number.
    """
    draws = search.n_best
    limit = most_pieces(model, src, search)
    uniform = _uniform(seeds, search, int(limit.max()) + 1)  # [B, K, T]
    uniform = uniform if src.device.type == "mps" else uniform.to(src.device)  # Metal has no float64
    ids = src.new_full(uniform.shape, EOS)
    log_probabilities = torch.zeros(uniform.shape, device=src.device)
    sentence = torch.arange(len(src), device=src.device)  # still drawn
    encoded = model.encode(src)
    state = model.start(encoded, draws)
    token = src.new_full((len(src), draws), BOS)
    live = torch.arange(token.numel(), device=src.device)  # those of its draws that have not ended
    for position in range(uniform.shape[2]):
        hidden, state = model.step(token, encoded, state)
        logits = model.project(hidden.flatten(0, 1)[live]).float()
        first = UNK if position < fewest_pieces(model, search) else EOS  # never PAD or BOS, which come before
        row, column = sentence[live // draws], live % draws
        number = uniform[row.to(uniform.device), column.to(uniform.device), position]
        never = repeating(ids[row, column, :position], search.no_repeat_ngram, logits.size(1))
        allowed = logits if never is None else logits.masked_fill(never, -torch.inf)
        drawn = first + choose(allowed[:, first:], number, search)
        drawn[limit[row] == position] = EOS
        ids[row, column, position] = drawn
        log_probabilities[row, column, position] = logits.gather(1, drawn[:, None])[:, 0] - normaliser(logits)

        token = ids[sentence, :, position]  # EOS for what has ended
        going = (token != EOS).any(1).nonzero().flatten()
        if not len(going):
            break
        if len(going) < len(sentence):
            encoded, state, sentence, token = select((encoded, state, sentence, token), going)
        live = (token != EOS).flatten().nonzero().flatten()
    return [
        [_hypothesis(*drawn, search) for drawn in zip(*each, strict=True)]
        for each in zip(ids.tolist(), log_probabilities.tolist(), strict=True)
    ]


def choose(logits: Tensor, uniform: Tensor, search: SearchConfig) -> Tensor:
    """One column of each row of logits [R, V], by its number in [0, 1): the inverse of the cumulative distribution.

    Computed where the numbers lie, in float64, so that rounding does not reach a column whose probability is 0.
    """
    device, logits = logits.device, logits.to(uniform.device).double()
    if search.top_k or search.top_p:
        logits, order = logits.topk(min(search.top_k or logits.shape[1], logits.shape[1]))
    above = logits - logits.amax(1, keepdim=True)  # so that a tiny temperature gives -inf and not inf - inf
    probability = (above / search.temperature).softmax(1)
    if search.top_p:
        before = probability.cumsum(1) - probability
        probability = probability.masked_fill(before >= search.top_p, 0)
    cumulative = probability.cumsum(1)
    column = torch.searchsorted(cumulative, uniform[:, None] * cumulative[:, -1:], right=True)
    column = column.clamp(max=logits.shape[1] - 1)  # logits that are no numbers lead out of the row
    if search.top_k or search.top_p:
        column = order.gather(1, column)
    return column[:, 0].to(device)


def _uniform(seeds: Sequence[int], search: SearchConfig, length: int) -> Tensor:
    """Numbers in [0, 1), [B, K, length], on the CPU. A longer row begins like a shorter one."""
    generators = [[np.random.default_rng([search.seed, seed, k]) for k in range(search.n_best)] for seed in seeds]
    rows = [[generator.random(length, dtype=np.float32) for generator in each] for each in generators]
    return torch.from_numpy(np.array(rows)).double()


def _hypothesis(ids: list[int], log_probabilities: list[float], search: SearchConfig) -> Hypothesis:
    length = ids.index(EOS) + 1
    log_probability = sum(log_probabilities[:length])
    if log_probability != log_probability:
        raise NMTError("the model's probabilities are not numbers", hint="training diverged: try a lower training.lr")
    return Hypothesis(
        ids[: length - 1], log_probability / length**search.length_penalty, log_probability, log_probabilities[:length]
    )
