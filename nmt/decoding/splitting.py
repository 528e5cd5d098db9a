"""Sources that are longer than a model takes: parts that it takes, cut where it hurts least, nothing lost.

First after sentences, each a part of its own, as models are trained on sentences. A sentence that is still too long is
cut after clauses, then between words, then between pieces; these parts are as long as fits, to keep their context.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

# Where a blank must follow, {1,9} finds the boundaries that + would, without taking hours over a million dots.
_CLOSING = r"\"'”’»›)\]}」』】）》〉"
_ELSEWHERE_OPENING = "“‘«‹"  # which close in German; before a blank they can do nothing else
_BLANK = rf"[{_CLOSING}{_ELSEWHERE_OPENING}]*(?:\s+|$)"
_STOP = r"[.!?…؟۔।॥։።។။]{1,9}" + _BLANK
_WIDE_STOP = rf"[。！？｡．‼⁇⁈⁉]+[{_CLOSING}]*\s*"  # no blank follows these
_COMMA = r"[,;:،؛፣፤၊–—]{1,9}" + _BLANK
_WIDE_COMMA = rf"[、，；：､]+[{_CLOSING}]*\s*"
_ONE_LETTER_OR_DAY = r"(?<!\b\w(?=\.))(?<!\b\d\d(?=\.))"  # J. Smith, 3. Oktober
SENTENCE = re.compile(f"{_ONE_LETTER_OR_DAY}{_STOP}|{_WIDE_STOP}")
CLAUSE = re.compile(f"{_STOP}|{_WIDE_STOP}|{_COMMA}|{_WIDE_COMMA}")
WORD = re.compile(r"\s+")

Encode = Callable[[list[str]], list[list[Any]]]


class Part(NamedTuple):
    """Some of a text, as its pieces."""

    begin: int
    """Where in the text the segment begins that they were encoded from; the parts of a word that was cut share it."""
    pieces: list
    """What `encode` made of them: ids, say."""


def split(text: str, encode: Encode, limit: int) -> list[Part]:
    """The pieces of a text that is too long, in parts of at most `limit` each. Their number alone decides the cuts."""
    parts, begin = [], 0
    for sentence in sentences(text):
        parts += _split(sentence, begin, encode, limit, [CLAUSE, WORD])
        begin += len(sentence)
    return parts


def sentences(text: str) -> list[str]:
    """Cut after . ! ? … and their like in other scripts, with the quotes and brackets that close there.

    Where the next letter is a small one, no sentence begins ("z. B. hier").
    """
    return list(_cut(text, SENTENCE, lambda rest: not rest[:1].islower()))


def _split(text: str, begin: int, encode: Encode, limit: int, boundaries: list[re.Pattern]) -> list[Part]:
    (pieces,) = encode([text])
    if len(pieces) <= limit:
        return [Part(begin, pieces)] if pieces else []
    if not boundaries:
        return [Part(begin, pieces[start : start + limit]) for start in range(0, len(pieces), limit)]
    parts = []
    for each in _pack(list(_cut(text, boundaries[0])), encode, limit):
        parts += _split(each, begin, encode, limit, boundaries[1:])
        begin += len(each)
    return parts


def _cut(text: str, boundary: re.Pattern, begins: Callable[[str], bool] = bool) -> Iterator[str]:
    """The text's segments, each ending with a boundary after which the next `begins`. Joined they are the text."""
    start = 0
    for match in boundary.finditer(text):
        if begins(text[match.end() : match.end() + 1]):
            yield text[start : match.end()]
            start = match.end()
    if start < len(text):
        yield text[start:]


def _pack(segments: list[str], encode: Encode, limit: int) -> list[str]:
    """Neighbouring segments joined as long as their pieces together fit."""
    packed, room = [], 0
    for segment, ids in zip(segments, encode(segments), strict=True):
        if packed and len(ids) <= room:
            packed[-1] += segment
            room -= len(ids)
        else:
            packed.append(segment)
            room = limit - len(ids)
    return packed
