"""Loops in translations: a phrase that is repeated at once, although the source repeats nothing as often.

    ein Mann in einem blauen Hemd in einem blauen Hemd       a man, a man, a man       the the the

Such "oscillations" are the commonest hallucination of translation models (Raunak et al. 2021). A loop is a row of words
that each equal the word one period before: at least a whole period long, and at least 3 words, or 2 if the period is
one word. So "Hand in Hand in", "very, very, very" and "Mr President, Mr President" are none: punctuation marks belong
to the phrase and count for nothing. A source that has a phrase r times allows r of them.

Languages that put no blanks between words are read character by character, two of which count as a word. Long words are
also searched for loops of characters, four of which count as one.
"""

import unicodedata
from collections import defaultdict, deque
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

from nmt.data.scripts import WITHOUT_BLANKS

LEAST, LEAST_SAME = 3.0, 2.0
"""Words that a loop repeats, and repetitions of one word: measured on 800,000 references, see docs/decoding.md."""
_HALF, _QUARTER = 0.5, 0.25
_LONG = 9  # characters of a word, before which it cannot hold a loop
_BEFORE = 16  # occurrences of a unit that a later one is compared with, so that the time stays linear


class Run(NamedTuple):
    """A row of units that each equal the unit one period before."""

    begin: int
    """Place of the first of them."""
    length: int
    """How many there are, at least a period."""
    period: int


class Repeated(NamedTuple):
    """A phrase of a text."""

    phrase: str
    times: int
    """How often in a row it occurs."""


def loop(translation: str, *others: str) -> str:
    """The first phrase that loops; empty without one. The `others` are the source, and references if there are any."""
    phrases = list(_phrases(translation, least=LEAST, least_same=LEAST_SAME))
    if not phrases:
        return ""
    allowed = max((each.times for text in others for each in _phrases(text, least=1, least_same=1)), default=1)
    return next((each.phrase for each in phrases if each.times > allowed), "")


def period(ids: Sequence[int]) -> int:
    """Length of the n-gram that must not be repeated for the longest loop in `ids` to be impossible; 0 without one."""
    longest = max(runs(ids, whole=False), key=lambda run: run.length, default=Run(0, 0, 0))
    return min(longest.length, longest.period)


def runs(units: Sequence[Hashable], *, whole: bool = True) -> Iterator[Run]:
    """Each longest run, also the shorter than a period unless they need to be `whole`."""
    places, equal = defaultdict(lambda: deque(maxlen=_BEFORE)), defaultdict(list)
    for place, unit in enumerate(units):
        for before in places[unit]:
            equal[place - before].append(place)
        places[unit].append(place)
    for distance, found in equal.items():
        begin = 0
        for end in range(1, len(found) + 1):
            if end == len(found) or found[end] != found[end - 1] + 1:
                if not whole or end - begin >= distance:
                    yield Run(found[begin], end - begin, distance)
                begin = end


def _phrases(text: str, *, least: float, least_same: float) -> Iterator[Repeated]:
    """Phrases of words, and of characters in a word, that repeat at least so many words."""
    words = text.casefold().translate(_SPACED).split()
    if len(set(words)) < len(words):
        weights = [_weight(word) for word in words]
        for run in runs(words):
            if sum(weights[run.begin : run.begin + run.length]) >= (least_same if run.period == 1 else least):
                yield _repeated(words, run, " ")
    for word in words:
        if len(word) >= _LONG:
            for run in runs(word):
                if _QUARTER * run.length >= (least_same if run.period == 1 else least):
                    yield _repeated(word, run, "")


def _repeated(units: Sequence[str], run: Run, glue: str) -> Repeated:
    phrase = glue.join(units[run.begin - run.period : run.begin])
    return Repeated(phrase, 1 + run.length // run.period)


def _weight(word: str) -> float:
    """How much of a word a unit is."""
    if unicodedata.category(word[0])[0] not in "LMN":
        return 0.0
    return _HALF if unicodedata.name(word[0], "").startswith(WITHOUT_BLANKS) else 1.0


class _Spaces(dict):
    """Characters as str.translate takes them: blanks around punctuation marks and around those of unspaced scripts."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kind = unicodedata.category(character)[0]
        if kind in "ZC":
            spaced = " "
        elif kind in "PS" or unicodedata.name(character, "").startswith(WITHOUT_BLANKS):
            spaced = f" {character} "
        else:
            spaced = character
        return self.setdefault(code, spaced)


_SPACED = _Spaces()
