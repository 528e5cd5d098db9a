"""Checks of what a score over all words hides: numbers, placeholders and names that were lost, phrases that repeat.

A wrong number costs as much BLEU as any other wrong word. A translation has to keep those items of the source that its
reference keeps, so that the references themselves pass every check; without sources it is the items of the references.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from nmt.data import spans
from nmt.decoding.loops import loop
from nmt.evaluation import metrics, names, numbers
from nmt.evaluation import references as present

Lines = Sequence[str]


class Kept(NamedTuple):
    """How many of the items that had to be kept were."""

    kept: int
    of: int


class Checks(NamedTuple):
    """Results of all checks of one system's translations."""

    numbers: Kept
    placeholders: Kept
    """Tags, URLs and e-mail addresses among them."""
    names: Kept | None
    """None without sources: only the two texts together show which words are names."""
    repetitive: int
    """Lines that repeat a phrase more often in a row than source and references do, see decoding/loops.py."""
    exact: int
    """Lines that are identical to a reference."""
    lines: int
    length: float | None
    """Characters of the translations divided by those of the references; None if these are empty."""
    unseen: float | None = None
    """Share of the source's words that the model never saw in training; None if that is not known, see unseen.py."""


class Line(NamedTuple):
    """A line of a test set and what its translation has to keep."""

    source: str | None
    references: list[str]
    numbers: Counter
    placeholders: Counter
    names: Counter

    @property
    def texts(self) -> list[str]:
        """The source, if there is one, and the references."""
        return self.references if self.source is None else [self.source, *self.references]


class Worst(NamedTuple):
    """A translation to look at."""

    line: int
    """Counted from 1."""
    source: str | None
    references: list[str]
    hypothesis: str
    chrf: float
    faults: list[str]
    """Failed checks, in words; empty if chrF alone brought the line here."""


def lines(source: Lines | None, references: Sequence[Lines]) -> list[Line]:
    """Return for each line of a test set what its translation has to keep."""
    texts = present.of_lines(references)
    known = names.known(source, (text for given in texts for text in given)) if source else set()
    rows = zip(source or [None] * len(texts), texts, strict=True)
    return [_line(source, given, known) for source, given in rows]


def check(hypotheses: Lines, test: Sequence[Line]) -> Checks:
    """Return the results for one system, all lines together."""
    lost = [_lost(text, line) for text, line in zip(hypotheses, test, strict=True)]

    def kept(name: str) -> Kept:
        of = sum(getattr(line, name).total() for line in test)
        return Kept(of - sum(each[name].total() for each in lost), of)

    pairs = list(zip(hypotheses, test, strict=True))
    expected = sum(sum(map(_length, line.references)) / len(line.references) for line in test)
    return Checks(
        numbers=kept("numbers"), placeholders=kept("placeholders"),
        names=None if test[0].source is None else kept("names"),
        repetitive=sum(bool(loop(text, *line.texts)) for text, line in pairs),
        exact=sum(text in line.references for text, line in pairs), lines=len(test),
        length=sum(map(_length, hypotheses)) / expected if expected else None,
    )  # fmt: skip


def as_rows(systems: Sequence[Checks]) -> list[list[str]]:
    """Return the head and one row per system for tables, without checks for which the test set has nothing."""
    cells = [_cells(each) for each in systems]
    head = list(dict.fromkeys(name for each in cells for name in each))
    return [head, *([each.get(name, "") for name in head] for each in cells)]


def _cells(found: Checks) -> dict[str, str]:
    counted = {"numbers": found.numbers, "placeholders": found.placeholders, "names": found.names}
    cells = {f"{name} kept": f"{each.kept:,}/{each.of:,}" for name, each in counted.items() if each and each.of}
    cells["repetitive lines"] = f"{found.repetitive:,}/{found.lines:,}"
    cells["exact lines"] = f"{found.exact:,}/{found.lines:,}"
    if found.length is not None:
        cells["length"] = f"{found.length:.2f}"
    if found.unseen is not None:
        cells["unseen words"] = f"{found.unseen:.1%}"
    return cells


def worst(hypotheses: Lines, test: Sequence[Line], references: Sequence[Lines], count: int) -> list[Worst]:
    """Return up to `count` lines that are no reference: first those that fail a check, with the lowest chrF first."""
    if not count:
        return []
    chrf = metrics.sentence_chrf(hypotheses, references)
    found = [
        Worst(number, line.source, line.references, text, score, faults(text, line))
        for number, (text, line, score) in enumerate(zip(hypotheses, test, chrf, strict=True), start=1)
        if text not in line.references
    ]
    return sorted(found, key=lambda each: (not each.faults, each.chrf))[:count]


def faults(hypothesis: str, line: Line) -> list[str]:
    """Return the checks that a translation fails, in words."""
    if not hypothesis.strip() and any(map(str.strip, line.references)):
        return ["the hypothesis is empty"]
    lost = _lost(hypothesis, line).items()
    found = [f"{kind.removesuffix('s')} {item} is missing" for kind, items in lost for item in items]
    repeated = loop(hypothesis, *line.texts)
    return found + ([f'"{repeated}" is repeated'] if repeated else [])


def _line(source: str | None, references: list[str], known: set[str]) -> Line:
    return Line(
        source, references,
        numbers=_common(source, references, numbers.find, numbers.missing),
        placeholders=_common(source, references, lambda text: Counter(spans.find_all(text)), _missing_spans),
        names=Counter({word: times for word, times in _common(source, references, names.words, _missing_words).items()
                       if word in known}),
    )  # fmt: skip


def _common(source: str | None, references: list[str], find: Callable, missing: Callable) -> Counter:
    """Return the source's items that the best reference keeps, or without a source the items of the first reference."""
    if source is None:
        return find(references[0])
    items = find(source)
    return max((items - missing(items, text) for text in references), key=Counter.total) if items else items


def _lost(hypothesis: str, line: Line) -> dict[str, Counter[str]]:
    return {
        "numbers": numbers.missing(line.numbers, hypothesis) if line.numbers else Counter(),
        "placeholders": _missing_spans(line.placeholders, hypothesis) if line.placeholders else Counter(),
        "names": _missing_words(line.names, hypothesis) if line.names else Counter(),
    }


def _missing_spans(expected: Counter[str], text: str) -> Counter[str]:
    return expected - Counter({span: text.count(span) for span in expected})


def _missing_words(expected: Counter[str], text: str) -> Counter[str]:
    return expected - names.words(text)


def _length(text: str) -> int:
    return len("".join(text.split()))
