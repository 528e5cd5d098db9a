"""A line -> the parts that a model translates one by one; nearly always there is one.

A model that was trained on single sentences drops the rest of a line that holds several, so each sentence is a part. A
model whose training lines often held several gets parts of several sentences, at most as long as its usual sources.
A sentence that is longer than the model takes is cut after clauses, then between words, then between pieces; these
parts are as long as fits, to keep their context. Nothing is lost.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from nmt.config.sources import SourcesConfig
from nmt.data.sentences import sentences

OFTEN = 0.1
"""Share of training sources with several sentences from which a model is trusted with several at once."""
_NO_LIMIT = 1 << 30

# A blank must follow most marks; {1,9} finds the boundaries that + would, without taking hours over a million dots.
_CLOSING = r"\"'”’»›)\]}」』】）》〉"
_ELSEWHERE_OPENING = "“‘«‹"  # which close in German; before a blank they cannot open anything
_BLANK = rf"[{_CLOSING}{_ELSEWHERE_OPENING}]*(?:\s+|$)"
_CLAUSE = re.compile(
    rf"[.!?…؟۔।॥།።။,;:،؛፣፤၊–—]{{1,9}}{_BLANK}|[。！？｡．‼⁇⁈⁉、，；：､]+[{_CLOSING}]*\s*"
)
_WORD = re.compile(r"\s+")
_PHRASE = re.compile(r"(?<=[\u0e00-\u0eff])\s+(?=[\u0e00-\u0eff])")
"""A blank between Thai or Lao letters: these scripts have no stop, and end sentences and phrases alike with a blank."""

Encode = Callable[[list[str]], list[list[Any]]]
Cut = Callable[[str], list[str]]


class Part(NamedTuple):
    """Some of a line, with its pieces."""

    begin: int
    """Place in the line where its text begins."""
    text: str
    """Without the white space around it. The parts of a word that was cut all have the whole word."""
    pieces: list
    """As `encode` returned them, ids for example."""
    first: int = 0
    """Number of the text's pieces that belong to parts before this one."""
    inner: bool = False
    """True if it is only some of a sentence that was longer than the model takes."""

    @property
    def end(self) -> int:
        """Place in the line where its text ends."""
        return self.begin + len(self.text)


class Splitting(NamedTuple):
    """How lines are split and rejoined, given what a model was trained on."""

    source_language: str = ""
    target_language: str = ""
    sources: SourcesConfig = SourcesConfig(length=_NO_LIMIT, several=1.0)

    def split(
        self, line: str, pieces: list, encode: Encode, *, mode: str, limit: int, prefix: int = 0
    ) -> list[Part]:
        """The parts of a line, at most `limit` pieces in each part; none for a line without text.

        `pieces` are those of the line without the white space around it. `mode` is search.split, and `prefix` the
        number of ids that stand before each part.
        """
        text = line.strip()
        if not pieces or not text:
            return []
        usual = max(1, self.sources.length - prefix)
        together = {"always": 0, "never": limit, "auto": 0 if self.sources.several < OFTEN else usual}[mode]
        phrases = limit if mode == "never" else usual
        levels = [
            (partial(sentences, language=self.source_language), min(together, limit), False),
            (partial(_cut, boundary=_PHRASE), min(phrases, limit), False),
            (partial(_cut, boundary=_CLAUSE), limit, True),
            (partial(_cut, boundary=_WORD), limit, True),
        ]
        return list(_split(Part(line.index(text), text, pieces), encode, levels, limit))


def _split(part: Part, encode: Encode, levels: list[tuple[Cut, int, bool]], limit: int) -> Iterator[Part]:
    """A part cut by each level in turn where it has more pieces than the level leaves together."""
    if not levels:
        for first in range(0, len(part.pieces), limit):
            cut = part.inner or len(part.pieces) > limit
            yield part._replace(pieces=part.pieces[first : first + limit], first=first, inner=cut)
        return
    (cut, most, inner), *rest = levels
    segments = cut(part.text) if len(part.pieces) > most else [part.text]
    if len(segments) == 1:
        yield from _split(part, encode, rest, limit)
        return
    for begin, text, pieces in _packed(segments, encode, most):
        if pieces:
            smaller = Part(part.begin + begin, text, pieces, inner=part.inner or inner)
            yield from _split(smaller, encode, rest, limit)


def _cut(text: str, boundary: re.Pattern) -> list[str]:
    """The text's segments, each ending with a boundary. Joined they are the text."""
    found, start = [], 0
    for match in boundary.finditer(text):
        found.append(text[start : match.end()])
        start = match.end()
    return [*found, text[start:]] if start < len(text) else found


def _packed(segments: list[str], encode: Encode, most: int) -> Iterator[tuple[int, str, list]]:
    """Neighbouring segments joined while they have at most so many pieces: place, text without white space, pieces."""
    groups, begin, room = [], 0, 0
    for segment, pieces in zip(segments, encode([each.strip() for each in segments]), strict=True):
        if groups and len(pieces) <= room:
            groups[-1].append((begin, segment, pieces))
        else:
            groups.append([(begin, segment, pieces)])
            room = most
        begin, room = begin + len(segment), room - len(pieces)
    for group in groups:
        begin, text, pieces = group[0][0], "".join(segment for _, segment, _ in group), group[0][2]
        place, text = begin + len(text) - len(text.lstrip()), text.strip()
        yield place, text, pieces if len(group) == 1 else encode([text])[0]
