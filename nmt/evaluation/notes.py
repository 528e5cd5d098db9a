"""Notes on scores that would mislead: pure functions of the texts, which return None for text as it should be.

A note states what was found, what was expected, and what to do. `references` lists the references of each line (see
references.py); `words` puts blanks between words as BLEU's tokenizer does.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from nmt.evaluation import writing_systems

Lines = Sequence[str]
References = Sequence[Sequence[str]]
Words = Callable[[str], str]

_APART = re.compile(r"\w ([.,]|&apos;|'s)( |$)|\w [、。，]( |$)|@-@")
"""No language puts a blank before a full stop or a comma; French puts one before other marks."""
_ENTITY = re.compile(r"&(quot|apos|amp|lt|gt|nbsp|#\d{1,6}|#x[0-9a-fA-F]{1,6});")
_WORD = re.compile(r"[^\W\d_]+")
_ORDER = 4
"""The longest n-grams that BLEU counts."""
_ENOUGH = 20
"""Lines from which on shares of lines mean something."""


def of_references(references: References, words: Words | None) -> list[str]:
    """Notes on a test set; `words` is None if there is no BLEU to explain."""
    found = [blank_references(references), short_references(references, words) if words else None]
    return [note for note in found if note]


def of_system(source: Lines | None, hypotheses: Lines, references: References, words: Words | None) -> list[str]:
    """Notes on the translations of one system."""
    both = hypotheses, references
    found = [
        empty(*both), alike(*both), other_writing(*both), source_language(source, *both) if source else None,
        tokenised(*both), entities(*both), decomposed(*both), no_match(*both, words) if words else None,
    ]  # fmt: skip
    return [note for note in found if note]


def blank_references(references: References) -> str | None:
    """Lines without any text in a reference."""
    rows = [row for row, texts in enumerate(references) if not any(map(str.strip, texts))]
    if not rows:
        return None
    return (
        f"{_lines(rows, references)} have blank references, against which every word is wrong: remove these lines from "
        "the test set, or add the missing translations"
    )


def short_references(references: References, words: Words) -> str | None:
    """No reference is long enough for BLEU."""
    if any(len(words(text).split()) >= _ORDER for text in chain.from_iterable(references)):
        return None
    return (
        f"no reference has {_ORDER} words, and BLEU counts up to {_ORDER} words in a row: its figures mean nothing "
        "here; use chrF, or exact for lists of words"
    )


def empty(hypotheses: Lines, references: References) -> str | None:
    """Hypotheses without any text, although the reference has some."""
    pairs = enumerate(zip(hypotheses, references, strict=True))
    rows = [row for row, (text, given) in pairs if not text.strip() and any(map(str.strip, given))]
    if not rows:
        return None
    return (
        f"{_lines(rows, hypotheses)} have an empty hypothesis: check that the file is whole, or why the model stops at "
        "once"
    )


def alike(hypotheses: Lines, references: References) -> str | None:
    """Less than half as many different hypotheses as references: a model that ignores its source."""
    different, expected = len(set(hypotheses)), len({texts[0] for texts in references})
    if len(hypotheses) < _ENOUGH or different > expected / 2:
        return None
    (text, times), *_ = Counter(hypotheses).most_common(1)
    return (
        f"most hypotheses are alike: {different:,} different ones, and {expected:,} references; the most frequent, "
        f'{times:,} times: "{_shortened(text)}": the training may have failed; look at its loss and learning rate'
    )


def other_writing(hypotheses: Lines, references: References) -> str | None:
    """More than 5% of the lines in a writing system that their references do not use."""
    rows, instead = [], Counter()
    for row, (text, given) in enumerate(zip(hypotheses, references, strict=True)):
        found, expected = writing_systems.count([text]), writing_systems.count(given)
        if found and expected and 2 * sum(found[name] for name in expected) < found.total():
            rows.append(row)
            instead[found.most_common(1)[0][0], expected.most_common(1)[0][0]] += 1
    if len(rows) <= 0.05 * len(hypotheses):
        return None
    (written, wanted), *_ = instead.most_common(1)[0]
    return (
        f"{_lines(rows, hypotheses)} are in another writing system than their references, such as {written} instead of "
        f"{wanted}: check that both are in the same target language"
    )


def source_language(source: Lines, hypotheses: Lines, references: References) -> str | None:
    """More than 20% of the lines have more words that only sources have than words that only references have."""
    sources, targets = _vocabulary(source), _vocabulary(chain.from_iterable(references))
    alien, ours = sources - targets, targets - sources
    words = [_vocabulary([text]) for text in hypotheses]
    rows = [row for row, found in enumerate(words) if len(found & alien) > len(found & ours)]
    if len(hypotheses) < _ENOUGH or len(rows) <= 0.2 * len(hypotheses):
        return None
    return (
        f"{_lines(rows, hypotheses)} look like the source language: check that the hypotheses are translations, and in "
        "the direction of the test set"
    )


def tokenised(hypotheses: Lines, references: References) -> str | None:
    """Blanks before full stops and commas on one side, or on both."""

    def apart(text: str) -> bool:
        return bool(_APART.search(text))

    found, expected = _share(hypotheses, apart), _share(chain.from_iterable(references), apart)
    if max(found, expected) < 0.1:
        return None
    if _unlike(found, expected):
        return (
            f"{found:.0%} of the hypotheses have blanks before punctuation, and {expected:.0%} of the references: "
            "detokenise the hypotheses, or add --tokenized for the figure of papers"
        )
    if _unlike(expected, found):
        return (
            f"{expected:.0%} of the references have blanks before punctuation, and {found:.0%} of the hypotheses: use "
            "references as people write them, or give these as --tokenized-reference"
        )
    return (
        "hypotheses and references have blanks before punctuation: do not compare these scores with scores on text as "
        "people write it"
    )


def entities(hypotheses: Lines, references: References) -> str | None:
    """HTML entities, such as Moses' escapes, on one side alone."""
    sides = {"hypotheses": hypotheses, "references": list(chain.from_iterable(references))}
    found, expected = (_share(texts, lambda text: bool(_ENTITY.search(text))) for texts in sides.values())
    side = next((name for name, ours, theirs in (("hypotheses", found, expected), ("references", expected, found))
                 if ours > 0.005 and _unlike(ours, theirs)), None)  # fmt: skip
    if side is None:
        return None
    example = next(match[0] for text in sides[side] if (match := _ENTITY.search(text)))
    return f"the {side} hold HTML entities, such as {example}: replace them by the characters that they stand for"


def decomposed(hypotheses: Lines, references: References) -> str | None:
    """Letters and accents as one character on one side and as two on the other."""

    def differs(text: str) -> bool:
        return not unicodedata.is_normalized("NFC", text)

    found, expected = _share(hypotheses, differs), _share(chain.from_iterable(references), differs)
    side = "hypotheses" if _unlike(found, expected) else "references" if _unlike(expected, found) else None
    if side is None or max(found, expected) < 0.05:
        return None
    return (
        f"{max(found, expected):.0%} of the {side} are not in Unicode's form NFC, and {min(found, expected):.0%} on "
        "the other side: the same letter counts as another one; normalise both to NFC"
    )


def no_match(hypotheses: Lines, references: References, words: Words) -> str | None:
    """No 4-gram is right, although there are references with 4-grams."""
    possible = False
    for text, given in zip(hypotheses, references, strict=True):
        expected = set().union(*(_ngrams(words(each)) for each in given))
        possible |= bool(expected)
        if expected & _ngrams(words(text)):
            return None
    if not possible:
        return None
    return f"no {_ORDER} words in a row are as in a reference: BLEU comes from smoothing alone; compare by chrF"


def _ngrams(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return set(zip(*(words[start:] for start in range(_ORDER)), strict=False))


def _vocabulary(lines: Iterable[str]) -> set[str]:
    return {word for line in lines for word in _WORD.findall(line.casefold())}


def _share(texts: Iterable[str], has: Callable[[str], bool]) -> float:
    verdicts = [*map(has, texts)]
    return sum(verdicts) / len(verdicts)


def _unlike(one: float, other: float) -> bool:
    """Whether a share is too large for chance: more than four times the other side's."""
    return one > 4 * other


def _lines(rows: Sequence[int], all_lines: Sequence) -> str:
    return f"{len(rows):,} of {len(all_lines):,} lines (the first: {rows[0] + 1:,})"


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
