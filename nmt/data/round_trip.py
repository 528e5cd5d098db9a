"""The ceiling of a tokenizer: how well the development target survives being encoded and decoded.

A model writes what its target tokenizer can spell. If the tokenizer changes the references themselves, a perfect
translation scores no more than they do:

    ceiling = BLEU(decode(encode(references)), references)

Two things change a text: the normalisation, which replaces and drops characters and extra blanks, and characters
without a spelling, which become unknown.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, takewhile
from typing import Any, NamedTuple

from nmt.data.tokenizer import Tokenizer
from nmt.escapes import visible_line
from nmt.ids import UNK

_LOW = 99.5
"""Below this BLEU, or this percentage of identical lines, the causes are reported."""
_SHOWN, _AROUND = 3, 15  # changes that are named, and characters of the line that are shown around one
_MARK = "▁"  # U+2581, SentencePiece's sign for a blank

_Kind = tuple[str, str, str]  # cause, characters, and what they become
_EXPLAINED = {
    "normalisation": (
        "the target tokenizer rewrites the development target",
        "The model will write it in the same way; tokenizer.target_normalisation: identity keeps the spelling",
    ),
    "unknown": (
        "the target tokenizer cannot spell characters of the development target",
        "tokenizer.byte_fallback: true spells every character",
    ),
    "mark": ("the target tokenizer uses a character of the development target as its sign for blanks", ""),
    "blanks": ("the target tokenizer drops doubled blanks and blanks at the ends", "BLEU and chrF ignore them"),
}
"""Cause -> what happens, and what to do about it."""


class Change(NamedTuple):
    """Characters that became others."""

    before: str
    after: str
    """Empty if `before` is dropped or unknown."""
    lines: int
    """Lines in which it happens."""
    example: str
    """Part of the first of them, unchanged."""

    def __str__(self) -> str:
        becomes = f"becomes {_named(self.after)}" if self.after else "is lost"
        return f'{_named(self.before)} {becomes} in {_counted(self.lines, "line")}, as in "{self.example}"'


class Cause(NamedTuple):
    """Changes with one cause."""

    name: str
    """normalisation, unknown, mark or blanks."""
    kinds: int
    """Different changes."""
    changes: tuple[Change, ...]
    """The most frequent ones."""

    def __str__(self) -> str:
        what, advice = _EXPLAINED[self.name]
        named = "; ".join(map(str, self.changes))
        rest = self.kinds - len(self.changes)
        more = f"; and {_counted(rest, 'more kind')}" if rest else ""
        return f"{what}: {named}{more}" + (f". {advice}" if advice else "")


class RoundTrip(NamedTuple):
    """Result of encoding and decoding a text."""

    lines: int
    identical: int
    """Lines that came back unchanged."""
    bleu: float
    """Between 0 and 100; 100 if all lines are identical."""
    causes: tuple[Cause, ...]
    """Of all changes."""

    @classmethod
    def of_json(cls, value: dict[str, Any]) -> "RoundTrip":
        """The inverse of `_asdict` with plain lists. Raises KeyError or TypeError for another value."""
        causes = (Cause(**{**each, "changes": tuple(Change(**one) for one in each["changes"])})
                  for each in value["causes"])  # fmt: skip
        return cls(**{**value, "causes": tuple(causes)})

    def warnings(self) -> list[str]:
        """Every cause with its most frequent changes, if the ceiling is low."""
        low = self.bleu < _LOW or 100 * self.identical < _LOW * self.lines
        return list(map(str, self.causes)) if low else []


def round_trip(tokenizer: Tokenizer, lines: Sequence[str]) -> RoundTrip:
    """Encode and decode the lines, and find the cause of every difference."""
    decoded = tokenizer.decode(tokenizer.encode(lines))
    changed = [line for line, found in zip(lines, decoded, strict=True) if line != found]
    counts: Counter[_Kind] = Counter()
    examples: dict[_Kind, str] = {}
    for line in changed:
        found = dict(_changes(tokenizer, line))
        counts.update(found.keys())
        for kind, (begin, end) in found.items():
            examples.setdefault(kind, _around(line, begin, end))
    causes = [_cause(name, counts, examples) for name in _EXPLAINED]
    return RoundTrip(
        lines=len(lines), identical=len(lines) - len(changed), bleu=_bleu(decoded, lines) if changed else 100.0,
        causes=tuple(each for each in causes if each.kinds),
    )  # fmt: skip


def _bleu(found: Sequence[str], lines: Sequence[str]) -> float:
    from sacrebleu.metrics import BLEU  # only if a line has changed: the import takes a while

    return BLEU(tokenize="zh", force=True).corpus_score(found, [lines]).score  # for other scripts it is 13a


def _cause(name: str, counts: Counter[_Kind], examples: Mapping[_Kind, str]) -> Cause:
    often_first = sorted((-count, kind) for kind, count in counts.items() if kind[0] == name)
    changes = (Change(*kind[1:], -count, examples[kind]) for count, kind in often_first[:_SHOWN])
    return Cause(name, len(often_first), tuple(changes))


def _changes(tokenizer: Tokenizer, line: str) -> Iterator[tuple[_Kind, tuple[int, int]]]:
    """One change to a line, and its place."""
    text, begins = tokenizer.aligned(line)
    becomes = dict.fromkeys([0, *begins], "")  # where characters begin -> what they become
    for begin, character in zip(begins, text, strict=False):
        becomes[begin] += character
    for begin, end in pairwise([*sorted(becomes), len(line)]):
        before, after = line[begin:end], becomes[begin]
        first = _shared(before, after)
        last = _shared(before[first:][::-1], after[first:][::-1])
        begin, end = begin + first, end - last
        before, after = line[begin:end], after[first : len(after) - last]
        if before == _MARK:
            yield ("mark", before, after), (begin, end)
        elif before != after and not after and not before.strip(" "):
            yield ("blanks", " ", ""), (begin, end)
        elif before != after:
            yield ("normalisation", before, after), (begin, end)
    (ids,) = tokenizer.encode([line])
    for number, (begin, end) in zip(ids, tokenizer.offsets(line), strict=True):
        for at in range(begin, end) if number == UNK else ():
            yield ("unknown", line[at], ""), (at, at + 1)


def _shared(one: str, other: str) -> int:
    """Characters with which both begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _around(line: str, begin: int, end: int) -> str:
    """Part of a line."""
    return visible_line(line[max(0, begin - _AROUND) : end + _AROUND].strip())


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}" + ("s" if count != 1 else "")


def _named(text: str) -> str:
    """Characters by their code points, a single one also by its name, visible ones also as they are."""
    codes = " ".join(f"U+{ord(each):04X}" for each in text)
    name = f" {unicodedata.name(text, '')}".rstrip() if len(text) == 1 else ""
    return f"{text} ({codes}{name})" if text.isprintable() and not text.isspace() else f"{codes}{name}"
