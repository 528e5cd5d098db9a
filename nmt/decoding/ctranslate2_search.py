"""Our search and score by means of CTranslate2 (Klein 2020), a batch at a time.

Score and search are the same: K hypotheses stay alive until PATIENCE * K have ended. CTranslate2 stops then, even where
one alive is ahead (in 3 of 1,000 sentences of Multi30k), and not before, when none can overtake, which costs it steps
and changes nothing. At the limit its hypotheses just stop, where ours have to end. And it divides the probability of
padding and begin mark among the other pieces.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from nmt.config import SearchConfig
from nmt.decoding.hypothesis import PATIENCE, Hypothesis, scored
from nmt.decoding.limits import most_pieces
from nmt.errors import CheckpointError
from nmt.ids import BOS, EOS, PAD

_SHOWN = 300  # characters of CTranslate2's message


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn any exception of CTranslate2 into a CheckpointError: `what` failed, and why."""
    try:
        yield
    except Exception as error:
        why = " ".join(ascii(str(error))[1:-1].split())[:_SHOWN] or type(error).__name__
        raise CheckpointError(
            f"{what}: {why}",
            hint="if memory is short, lower --batch-tokens and --threads; else export the model again, with the "
            "CTranslate2 that is installed",
        ) from error


class Model(NamedTuple):
    """A model as CTranslate2 knows it: sequences are pieces."""

    run: Any  # ctranslate2.Translator
    source: list[str]
    """The pieces by their ids."""
    target: list[str]
    ids: dict[str, int]
    """Of the target's pieces."""
    max_length: int
    """Longest sequence, end mark included."""


def translate(
    model: Model, sources: Sequence[list[int]], search: SearchConfig, *, details: bool
) -> list[list[Hypothesis]]:
    """The n_best hypotheses of each source, best first.

    Without `details` they lack the tokens' log-probabilities. With them, scores are the model's own: pieces that
    min_length or no_repeat_ngram forbids keep their share of the probability, which they have not in the search.
    """
    limits = [most_pieces(len(ids), search, model.max_length) for ids in sources]
    found, over = [], defaultdict(list)
    results = _run(model, sources, search, max(limits) + 1, hypotheses=search.n_best, patience=PATIENCE)
    for number, result in enumerate(results):
        found.append([_hypothesis(model, *each, search) for each in zip(result.hypotheses, result.scores, strict=True)])
        if any(len(tokens) > limits[number] + 1 or not _has_ended(model, tokens) for tokens in result.hypotheses):
            over[limits[number]].append(number)
    for limit, numbers in over.items():
        within = _translate_within(model, [sources[number] for number in numbers], limit, search)
        for number, hypotheses in zip(numbers, within, strict=True):
            found[number] = hypotheses
    return _rescored(model, sources, found, search) if details else found


def score(model: Model, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> list[list[float]]:
    """log p(y_t | y_<t, x) of each target's ids and, last, of its end mark."""
    with explained("CTranslate2 cannot score"):
        results = model.run.score_batch(
            [_pieces(model.source, [*ids, EOS]) for ids in sources],
            [_pieces(model.target, ids) for ids in targets],  # it adds their end marks by itself
            max_input_length=0,
        )
    return [list(each.log_probs) for each in results]


def _run(
    model: Model, sources: Sequence[list[int]], search: SearchConfig, most: int, *, hypotheses: int, patience: float
) -> list:
    """CTranslate2's results of at most so many tokens, end marks included."""
    with explained("CTranslate2 cannot translate"):
        return model.run.translate_batch(
            [_pieces(model.source, [*ids, EOS]) for ids in sources],
            beam_size=search.beam, patience=patience, num_hypotheses=hypotheses, length_penalty=search.length_penalty,
            min_decoding_length=min(search.min_length, model.max_length - 1), max_decoding_length=most,
            max_input_length=0,
            suppress_sequences=[[model.target[PAD]], [model.target[BOS]]], no_repeat_ngram_size=search.no_repeat_ngram,
            return_end_token=True, return_scores=True,
        )  # fmt: skip


def _has_ended(model: Model, tokens: list[str]) -> bool:
    return tokens[-1:] == [model.target[EOS]]


def _hypothesis(model: Model, tokens: list[str], score: float, search: SearchConfig, end: float = 0.0) -> Hypothesis:
    """CTranslate2's tokens and score; one that just stopped ends with a mark of log-probability `end`."""
    ids = _ids(model, tokens)
    log_probability = score * len(tokens) ** search.length_penalty
    log_probability += 0.0 if _has_ended(model, tokens) else end
    return Hypothesis(ids, log_probability / (len(ids) + 1) ** search.length_penalty, log_probability, [])


def _translate_within(
    model: Model, sources: Sequence[list[int]], limit: int, search: SearchConfig
) -> list[list[Hypothesis]]:
    """The hypotheses of sources of which one passes the limit: there ours have to end, and CTranslate2's just stop.

    As it ranks without end marks those that stop, it gives all that it has: what ended before and in the last step.
    """
    most = round(PATIENCE * search.beam) - 1 + search.beam
    results = _run(model, sources, search, limit, hypotheses=most, patience=PATIENCE + 1)
    logs = _score_all(model, sources, [[_ids(model, each) for each in result.hypotheses] for result in results])
    found = [
        [_hypothesis(model, *each, search, end) for *each, (*_, end) in zip(it.hypotheses, it.scores, own, strict=True)]
        for it, own in zip(results, logs, strict=True)
    ]
    return [sorted(each, key=lambda hypothesis: hypothesis.score, reverse=True)[: search.n_best] for each in found]


def _rescored(
    model: Model, sources: Sequence[list[int]], found: list[list[Hypothesis]], search: SearchConfig
) -> list[list[Hypothesis]]:
    """The hypotheses in their order, with the model's own probabilities."""
    logs = _score_all(model, sources, [[each.ids for each in hypotheses] for hypotheses in found])
    return [
        [scored(each.ids, own, search) for each, own in zip(*pair, strict=True)]
        for pair in zip(found, logs, strict=True)
    ]


def _score_all(
    model: Model, sources: Sequence[list[int]], targets: list[list[list[int]]]
) -> list[list[list[float]]]:
    """Return log p(y_t | y_<t, x) of the targets of each source."""
    repeated = [source for source, some in zip(sources, targets, strict=True) for _ in some]
    logs = iter(score(model, repeated, [ids for some in targets for ids in some]))
    return [[next(logs) for _ in some] for some in targets]


def _pieces(names: list[str], ids: Sequence[int]) -> list[str]:
    return [names[number] for number in ids]


def _ids(model: Model, tokens: Sequence[str]) -> list[int]:
    """Without the end mark, if there is one."""
    return [number for number in map(model.ids.__getitem__, tokens) if number != EOS]
