"""What became of the parts of a line -> what became of the line; nearly always there is one."""

from collections.abc import Sequence
from statistics import fmean

from nmt.data.tokenizer import Tokenizer, Tokenizers
from nmt.decoding.engine import Found
from nmt.decoding.hypothesis import LINE_BREAKS, Hypothesis
from nmt.decoding.splitting import split
from nmt.decoding.translation import Places, Span, TextHypothesis, Translation
from nmt.ids import EOS


def join(
    line: str, parts: list[list[int]], found: list[Found], tokenizers: Tokenizers, *, prefix: list[int], limit: int,
    length_penalty: float | None,
) -> Translation:  # fmt: skip
    """The n-th hypotheses of all parts together are the line's n-th.

    `parts` are ids that begin with `prefix`, behind which a text of `limit` ids has room. The `length_penalty` makes a
    line's score; None where something else than the search has chosen, and it is the mean of the parts' scores.
    """
    if not parts:
        return Translation(line, "", [TextHypothesis("", 0.0, 0.0, [], [])], [], 0, None, None)
    together = zip(*(each.hypotheses for each in found))  # noqa: B905 (as many as every part has)
    hypotheses = [_hypothesis(each, tokenizers.target, length_penalty) for each in together]
    names = [token for ids in parts for token in tokens(tokenizers.source, ids)]
    maps = [each.attention for each in found if each.attention is not None]
    first = [each.hypotheses[0] for each in found]
    places = _places(line, len(parts), first, tokenizers, prefix, limit) if maps else None
    return Translation(line, hypotheses[0].text, hypotheses, names, len(parts), maps or None, places, bool(prefix))


def texts(tokenizer: Tokenizer, hypotheses: Sequence[Hypothesis]) -> list[str]:
    """What hypotheses read as, each on one line."""
    return [text.translate(LINE_BREAKS) for text in tokenizer.decode([each.ids for each in hypotheses])]


def tokens(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    """The names of the pieces, end mark included."""
    return tokenizer.names([*ids, EOS])


def _hypothesis(parts: Sequence[Hypothesis], tokenizer: Tokenizer, length_penalty: float | None) -> TextHypothesis:
    text = " ".join(text for text in texts(tokenizer, parts) if text)
    log_probability = sum(part.log_probability for part in parts)
    logs = [each for part in parts for each in part.token_log_probabilities]
    names = [token for part in parts for token in tokens(tokenizer, part.ids)]
    if length_penalty is None:
        score = fmean(part.score for part in parts)
    else:
        score = log_probability / len(names) ** length_penalty
    return TextHypothesis(text, score, log_probability, names, logs)


def _places(
    line: str, parts: int, found: list[Hypothesis], tokenizers: Tokenizers, prefix: list[int], limit: int
) -> Places:
    """Of the pieces of a line's parts and of their translations."""
    source, target = tokenizers
    if parts == 1:
        return Places([_behind(prefix, source.offsets(line))], [target.decoded_offsets(found[0].ids)])
    cut = split(line, lambda texts: list(map(source.offsets, texts)), limit)
    of_source = [_moved(_behind(prefix, part.pieces), part.begin) for part in cut]
    of_target, begin = [], 0
    for each, text in zip(found, target.decode([each.ids for each in found]), strict=True):
        of_target.append(_moved(target.decoded_offsets(each.ids), begin))
        begin += len(text) + bool(text)
    return Places(of_source, of_target)


def _behind(prefix: list[int], spans: list[Span]) -> list[Span]:
    """A prefix stands empty where the first piece begins."""
    return [(spans[0][0], spans[0][0])] * len(prefix) + spans


def _moved(spans: list[Span], by: int) -> list[Span]:
    return [(begin + by, end + by) for begin, end in spans]
