"""Masking: each protected span of a source becomes a symbol, which the model copies and its translation gives back.

    source  Visit {name} at http://a.de!   ->  Visit ① at ②!
    target  Besuche ① unter ②!             ->  Besuche {name} unter http://a.de!

A symbol is one private-use character, shown here as ① and ②, and always one piece. All of this happens in text, before
encoding and after decoding, so that no engine needs to know of it. A symbol that stands in a user's own text is a
protected span itself, so nothing is ambiguous.

In a translation the spans are numbered by their order in the source. In training a span must be spelled alike on both
sides, and the numbers are an ascending random choice, so that every symbol is learnt.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from random import Random
from typing import NamedTuple
from zlib import crc32

from nmt.config import TokenizerConfig
from nmt.config.tokenizer import SYMBOLS
from nmt.data.spans import Finder

Offsets = Sequence[tuple[int, int]]

_RANGE = f"{SYMBOLS[0]}-{SYMBOLS[-1]}"
_WRITTEN = re.compile(f"( ?)([{_RANGE}])")
_PLAIN = str.maketrans(dict.fromkeys(SYMBOLS, "\ufffd"))
"""A symbol in a user's text that gets no symbol, as the line has too many spans."""


class Masked(NamedTuple):
    """A text with symbols."""

    text: str
    spans: Mapping[str, str] = {}
    """Symbol -> the span that it stands for."""


class Masker:
    """Replaces the spans of some kinds by symbols."""

    def __init__(self, finder: Finder | None = None):
        """`finder` finds the spans; None protects nothing."""
        self._finder = finder

    def mask(self, line: str) -> Masked:
        """Mask a source. If it has more spans than there are symbols, the rest stays plain text."""
        return self._replaced(line, zip(self._find(line), SYMBOLS))  # noqa: B905 (the shorter one ends it)

    def mask_given(self, source: str, target: str) -> tuple[Masked, Masked]:
        """A source as it is translated, and a target that is given: spans spelled alike get the same symbols."""
        masked = self.mask(source)
        return masked, self._replaced(target, ((span, symbol) for symbol, span in masked.spans.items()))

    def mask_pair(self, source: str, target: str) -> tuple[Masked, Masked]:
        """A training pair: spans on one side alone stay plain text."""
        found = self._find(source)
        if not found and not self._find(target):
            return Masked(source), Masked(target)
        left = Counter(found) & Counter(self._find(target)) if found else {}
        common = []
        for span in found:
            if left[span] > 0:
                left[span] -= 1
                common.append(span)
        count = min(len(common), len(SYMBOLS))
        symbols = sorted(Random(crc32(source.encode())).sample(SYMBOLS, count))
        pairs = list(zip(common, symbols))  # noqa: B905 (the rest stays plain)
        return self._replaced(source, pairs), self._replaced(target, pairs)

    def outside(self, line: str, change: Callable[[str], str]) -> str:
        """The line with `change`, which must keep symbols, applied to all but its spans."""
        masked = self.mask(line)
        return restore(change(masked.text), masked.spans)

    def _matches(self, line: str) -> Iterator[re.Match]:
        return self._finder.matches(line) if self._finder else iter(())

    def _find(self, line: str) -> list[str]:
        return [match.group() for match in self._matches(line)]

    def _replaced(self, line: str, pairs: Iterable[tuple[str, str]]) -> Masked:
        """The first occurrence of a span gets the first symbol given for it, and so on."""
        waiting: dict[str, list[str]] = {}
        for span, symbol in pairs:
            waiting.setdefault(span, []).append(symbol)
        parts, end, used = [], 0, {}
        for match in self._matches(line):
            span = match.group()
            symbol = waiting[span].pop(0) if waiting.get(span) else None
            if symbol is not None:
                used[symbol] = span
            parts += [line[end : match.start()], symbol or span.translate(_PLAIN)]
            end = match.end()
        return Masked("".join([*parts, line[end:]]), used)


def masker_of(config: TokenizerConfig) -> Masker:
    """The masker that a tokenizer's settings describe."""
    return _masker(config.protect, config.protect_patterns)


@lru_cache(16)
def _masker(kinds: tuple[str, ...], patterns: tuple[str, ...]) -> Masker:
    return Masker(Finder(kinds, patterns, symbols=_RANGE) if kinds or patterns else None)


def restore(text: str, spans: Mapping[str, str]) -> str:
    """A text with each symbol replaced by its span. One that stands for none is removed, with the blank before it."""
    return _WRITTEN.sub(lambda match: match[1] + spans[match[2]] if match[2] in spans else "", text)


def moved(offsets: Offsets, masked: Masked) -> list[tuple[int, int]]:
    """Offsets (begin, end) in a masked text as those in the text that `restore` makes of it."""
    edits = []
    for match in _WRITTEN.finditer(masked.text):
        span = masked.spans.get(match[2])
        edits.append((match.end(1), match.end(), len(span)) if span is not None else (match.start(), match.end(), 0))
    return [(_moved(begin, edits), _moved(end, edits)) for begin, end in offsets] if edits else list(offsets)


def _moved(place: int, edits: Sequence[tuple[int, int, int]]) -> int:
    shift = 0
    for begin, end, length in edits:
        if end <= place:
            shift += length - (end - begin)
        elif begin < place:
            return begin + shift  # inside what was removed
    return place + shift


def missing(text: str, spans: Mapping[str, str]) -> list[str]:
    """The spans whose symbols a masked translation lacks."""
    return [span for symbol, span in spans.items() if symbol not in text]
