"""Writing systems of text, such as LATIN or CJK, by the Unicode names of its letters."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from nmt.data import scripts

_FIRST = "\u0e00"
"""The first character of the Unicode blocks of those that put no blanks between words."""


@lru_cache(1 << 16)
def system(character: str) -> str | None:
    """Return the first word of a letter's Unicode name (CJK for Chinese characters), None for other characters."""
    character = unicodedata.normalize("NFKC", character)[:1]
    if not character.isalpha():
        return None
    return unicodedata.name(character, "UNKNOWN").split()[0].split("-")[0]


def count(lines: Iterable[str]) -> Counter[str]:
    """Return how many letters of each writing system the lines hold."""
    return scripts.count(lines, system)


def without_blanks(text: str) -> bool:
    """Return whether most letters are of writing systems that put no blanks between words."""
    if max(text, default="") < _FIRST:
        return False
    letters = count([text])
    return 2 * sum(letters[name] for name in scripts.WITHOUT_BLANKS) > letters.total()


def shares(lines: Iterable[str]) -> dict[str, float]:
    """Return the share of each writing system among all letters, from 0 to 1; empty for text without letters."""
    return scripts.shares_of(count(lines))
