"""Names: words that source and reference spell alike, with a capital letter."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

_WORD = re.compile(r"[^\W\d_]{2,}")
_BEFORE = " \t\u00a0\"'“”„‘’‚«»‹›([{¿¡-–—"
"""Marks that may stand between the end of a sentence and the next word."""


def words(text: str) -> Counter[str]:
    """Return the words of a text in Unicode's form NFC, with how often each occurs."""
    return Counter(_WORD.findall(unicodedata.normalize("NFC", text)))


def known(sources: Iterable[str], references: Iterable[str]) -> set[str]:
    """Return the words of the references that are names, as far as a whole test set shows.

    A name is written with a capital letter inside some sentence of the references, and nowhere, in sources and
    references, without one. That leaves out words which begin a sentence in both languages, such as "In".
    """
    references = list(references)
    inside = {word for text in references for word in _inside_sentences(text)}
    small = {word for text in (*sources, *references) for word in words(text) if word.islower()}
    return {word for word in inside if word.lower() not in small}


def _inside_sentences(text: str) -> Iterator[str]:
    text = unicodedata.normalize("NFC", text)
    for match in _WORD.finditer(text):
        if match[0][0].isupper():
            before = text[: match.start()].rstrip(_BEFORE)
            if before and before[-1] not in ".!?:…":
                yield match[0]
