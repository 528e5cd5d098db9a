"""Words in which translations differ from the reference, and from each other: for the eye, not for a score."""

import re
import string
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

Mark = Literal["", "differs", "alone"]

_IDEOGRAPHS = "぀-ヿ㐀-䶿一-鿿豈-﫿"  # kana and Chinese characters, which no blanks separate
_SIGNS = re.escape(string.punctuation.replace("'", "").replace("-", "") + "„“”‚‘«»…¿¡–—。、，！？；：（）「」")
_UNIT = re.compile(rf"([{_IDEOGRAPHS}]|[{_SIGNS}]|[^\s{_IDEOGRAPHS}{_SIGNS}]+)\s*")


class Span(NamedTuple):
    """A part of a sentence, with the blanks that follow it."""

    text: str
    mark: Mark = ""
    """differs: the reference has it not, or not there. alone: nor has any other of the translations.
    In a reference, differs: no translation has it."""


def mark(hypotheses: Sequence[str], references: Sequence[str]) -> tuple[list[Span], list[list[Span]]]:
    """The first reference and the hypotheses, their words marked.

    A word counts as the reference's where it lies on a longest common course of the two; with several references, of
    any of them.
    """
    given = [_units(text) for text in references]
    found = [_units(text) for text in hypotheses]
    common = [[_common(reference, units) for reference in given] for units in found]
    differing = [
        [number not in set().union(*(theirs for _, theirs in pairs)) for number in range(len(units))]
        for units, pairs in zip(found, common, strict=True)
    ]
    strange = [
        {_word(unit) for unit, differs in zip(units, each, strict=True) if differs}
        for units, each in zip(found, differing, strict=True)
    ]
    marked = []
    for system, (units, each) in enumerate(zip(found, differing, strict=True)):
        others = set().union(*(words for number, words in enumerate(strange) if number != system))
        alone = len(found) > 1
        marked.append([
            Span(unit, "" if not differs else "alone" if alone and _word(unit) not in others else "differs")
            for unit, differs in zip(units, each, strict=True)
        ])  # fmt: skip
    kept = set().union(*(pairs[0][0] for pairs in common))
    reference = [Span(unit, "" if number in kept else "differs") for number, unit in enumerate(given[0])]
    return reference, marked


def _units(text: str) -> list[str]:
    """Words, signs and Chinese characters, each with the blanks behind it."""
    return [found[0] for found in _UNIT.finditer(text)]


def _word(unit: str) -> str:
    return unit.strip()


def _common(reference: list[str], hypothesis: list[str]) -> tuple[set[int], set[int]]:
    """Places in both of what they have in common, in one order."""
    matcher = SequenceMatcher(None, [*map(_word, reference)], [*map(_word, hypothesis)], autojunk=False)
    blocks = matcher.get_matching_blocks()
    ours = {block.a + number for block in blocks for number in range(block.size)}
    theirs = {block.b + number for block in blocks for number in range(block.size)}
    return ours, theirs
