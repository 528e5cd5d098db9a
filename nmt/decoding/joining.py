"""The results of a line's parts -> the result of the line; nearly always there is one part."""

from collections.abc import Sequence
from itertools import accumulate
from statistics import fmean

from nmt.data.tokenizer import Tokenizer, Tokenizers
from nmt.decoding.engine import Found
from nmt.decoding.hypothesis import LINE_BREAKS, Hypothesis
from nmt.decoding.rejoining import gaps, glued, indentation
from nmt.decoding.splitting import Part
from nmt.decoding.translation import Places, Span, TextHypothesis, Translation
from nmt.ids import EOS


def join(
    line: str, parts: list[Part], found: list[Found], tokenizers: Tokenizers, *, prefix: list[int], language: str,
    length_penalty: float | None,
) -> Translation:  # fmt: skip
    """The n-th hypotheses of all parts together are the line's n-th.

    The `prefix` ids stood before each part, and `language` is that of the translations. The `length_penalty` makes a
    line's score; it is None if something other than the search has chosen, and the score is the mean over the parts.
    """
    if not parts:
        return Translation(line, "", [TextHypothesis("", 0.0, 0.0, [], [])], [], 0, None, None)
    between = gaps(line, parts)
    together = list(zip(*(each.hypotheses for each in found)))  # noqa: B905 (as many as every part has)
    written = [glued(texts(tokenizers.target, each), between, language) for each in together]
    hypotheses = [
        _hypothesis("".join(text), each, tokenizers.target, length_penalty)
        for text, each in zip(written, together, strict=True)
    ]
    names = [token for part in parts for token in tokens(tokenizers.source, [*prefix, *part.pieces])]
    maps = [each.attention for each in found if each.attention is not None]
    places = _places(parts, together[0], written[0], tokenizers, prefix) if maps else None
    text, inner = indentation(line) + hypotheses[0].text, any(part.inner for part in parts)
    return Translation(line, text, hypotheses, names, len(parts), maps or None, places, bool(prefix), inner)


def texts(tokenizer: Tokenizer, hypotheses: Sequence[Hypothesis]) -> list[str]:
    """The text of each hypothesis, on one line."""
    return [text.translate(LINE_BREAKS) for text in tokenizer.decode([each.ids for each in hypotheses])]


def tokens(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    """The names of the pieces, end mark included."""
    return tokenizer.names([*ids, EOS])


def _hypothesis(
    text: str, parts: Sequence[Hypothesis], tokenizer: Tokenizer, length_penalty: float | None
) -> TextHypothesis:
    log_probability = sum(part.log_probability for part in parts)
    logs = [each for part in parts for each in part.token_log_probabilities]
    names = [token for part in parts for token in tokens(tokenizer, part.ids)]
    if length_penalty is None:
        score = fmean(part.score for part in parts)
    else:
        score = log_probability / len(names) ** length_penalty
    return TextHypothesis(text, score, log_probability, names, logs)


def _places(
    parts: list[Part], found: Sequence[Hypothesis], written: list[str], tokenizers: Tokenizers, prefix: list[int]
) -> Places:
    """The places of the pieces of a line's parts and of their translations, as they are `written` one after another."""
    source = []
    for part in parts:
        spans = tokenizers.source.offsets(part.text)[part.first : part.first + len(part.pieces)]
        source.append(_behind(prefix, _moved(spans, part.begin)))
    ends = accumulate(map(len, written))
    texts = tokenizers.target.decode([each.ids for each in found])
    target = [
        _moved(tokenizers.target.decoded_offsets(each.ids), end - len(text))
        for each, text, end in zip(found, texts, ends, strict=True)
    ]
    return Places(source, target)


def _behind(prefix: list[int], spans: list[Span]) -> list[Span]:
    """A prefix stands empty where the first piece begins."""
    return [(spans[0][0], spans[0][0])] * len(prefix) + spans


def _moved(spans: list[Span], by: int) -> list[Span]:
    return [(begin + by, end + by) for begin, end in spans]
