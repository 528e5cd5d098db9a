"""Phrases that a text repeats immediately, such as "of the of the", as models do that are caught in a loop."""

import re
from collections import defaultdict
from typing import NamedTuple

from nmt.evaluation import writing_systems

_LONGEST = 20
"""Words, or characters, of a phrase."""
_FEWEST_WORDS, _FEWEST_CHARACTERS = 2, 4
"""Units in a row that repeat those before them until they count. Grammar doubles words ("nous nous voyons", "die, die
singen"), and in Chinese and Japanese one or two characters."""


class Repetition(NamedTuple):
    """How much of a text repeats what stands directly before it."""

    units: int = 0
    """Words, or characters in writing without blanks."""
    phrase: str = ""
    """The first phrase that is repeated."""


def find(text: str) -> Repetition:
    """Return the repetition with the phrase length at which most of the text is repeated."""
    by_characters = writing_systems.without_blanks(text)
    units = re.findall(r"\w" if by_characters else r"\w+", text.casefold())
    fewest, glue = (_FEWEST_CHARACTERS, "") if by_characters else (_FEWEST_WORDS, " ")
    found = (_of_length(units, length, fewest, glue) for length in sorted(_distances(units)))
    return max(found, key=lambda each: each.units, default=Repetition())


def _distances(units: list[str]) -> set[int]:
    """Return the distances between equal units: the only lengths that a repeated phrase can have."""
    places, found = defaultdict(list), set()
    for place, unit in enumerate(units):
        found |= {place - earlier for earlier in places[unit][-_LONGEST:] if place - earlier <= _LONGEST}
        places[unit].append(place)
    return found


def _of_length(units: list[str], length: int, fewest: int, glue: str) -> Repetition:
    """Count the units in runs of at least `length` that equal the unit `length` before them."""
    total, phrase, run = 0, "", 0
    for place in range(length, len(units) + 1):
        if place < len(units) and units[place] == units[place - length]:
            run += 1
            continue
        if run >= max(length, fewest):
            total += run
            phrase = phrase or glue.join(units[place - run - length : place - run])
        run = 0
    return Repetition(total, phrase)
