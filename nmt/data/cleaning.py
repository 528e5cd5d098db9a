"""Which training pairs are worth learning from: each filter is a pure function of one pair."""

import unicodedata
from collections.abc import Mapping
from enum import IntEnum

from nmt.config import CleaningConfig

_INVISIBLE = {"Cc", "Cf", "Zs", "Zl", "Zp"}  # Unicode's categories: control, format, blanks


class Verdict(IntEnum):
    """What becomes of a training pair. The first reason that applies counts."""

    KEPT = 0
    EMPTY = 1
    """A side is blank."""
    TOO_LONG = 2
    """A side has more words or characters than allowed."""
    IDENTICAL = 3
    """Both sides are the same text."""
    LETTERS = 4
    """A side is mostly digits, signs and markup."""
    DUPLICATE = 5
    """The pair occurred before."""
    UNEVEN = 6
    """The lengths of the sides differ far more than is usual in the text."""
    OVERLAP = 7
    """The pair, or its source, is in the development or test text as well."""
    HELD_OUT = 8
    """Taken away as development or test text."""
    TOO_MANY_PIECES = 9
    """A side is longer than model.max_length."""
    NEAR_DUPLICATE = 10
    """The letters of the pair occurred before; `nmt clean` alone looks for it."""
    LANGUAGE = 11
    """A side is in another language; `nmt clean` alone looks for it."""
    LOW_SCORE = 12
    """The sides do not seem to translate each other; `nmt clean` alone looks for it."""


def named(counts: dict[Verdict, int]) -> dict[str, int]:
    """Those that are not 0, by names that people read."""
    return {verdict.name.lower().replace("_", " "): count for verdict, count in counts.items() if count}


def told(counts: dict[Verdict, int]) -> str:
    """Why pairs were dropped, for a message."""
    return ", ".join(f"{reason}: {count:,}" for reason, count in named({**counts, Verdict.KEPT: 0}).items())


_HEAVY = 0.05  # share of the pairs from which a filter is worth a look
_ADVICE = {
    "empty": "check that the files and columns are the right ones",
    "too long": "data.cleaning.max_words and max_characters are the limits; `nmt clean` shows examples",
    "identical": "check that both sides are translated; data.cleaning.identical: false keeps them",
    "letters": "data.cleaning.min_letters is the limit",
    "duplicate": "data.cleaning.duplicates: false keeps them",
    "uneven": "check that line n of one side translates line n of the other; data.cleaning.max_deviation is the limit, "
    "and `nmt clean` shows examples",
    "overlap": "check that the training text does not contain dev or test; data.overlap decides",
    "too many pieces": "model.max_length is the limit",
}


def heavy(dropped: Mapping[str, int], read: int) -> list[str]:
    """A warning for each filter that took more than 5% of the pairs."""
    return [
        f"{reason}: {count:,} of {read:,} pairs ({count / read:.1%}) were dropped; {_ADVICE[reason]}"
        for reason, count in dropped.items()
        if reason in _ADVICE and count > _HEAVY * read
    ]


def judge(source: str, target: str, config: CleaningConfig) -> Verdict:
    """KEPT, or the first reason in the pair itself to drop it."""
    if is_empty(source, target):
        return Verdict.EMPTY
    if is_too_long(source, target, config.max_words, config.max_characters):
        return Verdict.TOO_LONG
    if config.identical and source.strip() == target.strip():
        return Verdict.IDENTICAL
    if config.min_letters is not None and min(letters(source), letters(target)) < config.min_letters:
        return Verdict.LETTERS
    return Verdict.KEPT


def is_empty(source: str, target: str) -> bool:
    """A side holds nothing that could be seen: white space, or what joins and directs characters that are not there."""
    return not (_is_visible(source) and _is_visible(target))


def _is_visible(text: str) -> bool:
    return any(unicodedata.category(each) not in _INVISIBLE for each in text)


def is_too_long(source: str, target: str, max_words: int | None, max_characters: int | None) -> bool:
    """A side has more blank-separated words, or more characters, than allowed."""
    if max_characters is not None and max(len(source), len(target)) > max_characters:
        return True
    return max_words is not None and max(len(source.split()), len(target.split())) > max_words


def letters(text: str) -> float:
    """Share of letters, with the marks that belong to them, among the characters that are not white space."""
    characters = "".join(text.split())
    count = sum(unicodedata.category(each)[0] in "LM" for each in characters)
    return count / len(characters) if characters else 0.0
