"""Alignments made by people, and how far others are from them (Och and Ney 2003).

Of the gold links some are sure (S) and others possible (P, the sure ones among them). For links A

    precision = |A n P| / |A|      recall = |A n S| / |S|      AER = 1 - (|A n S| + |A n P|) / (|A| + |S|)
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nmt.analysis.alignment import Links
from nmt.data.text import read_lines
from nmt.errors import DataError

_LINK = re.compile(r"(\d{1,9})([-p])(\d{1,9})", re.ASCII)
_SEED = 12345


class Gold(NamedTuple):
    """The links of one pair of sentences."""

    sure: Links
    possible: Links
    """The sure ones among them."""


class Errors(NamedTuple):
    """How far links are from the gold ones: shares of 1. A share of nothing is one without a fault."""

    precision: float
    recall: float
    error_rate: float


class Interval(NamedTuple):
    """95% of the alignment error rates of resampled sentences lie in it."""

    low: float
    high: float


def read_gold(path: Path, lengths: Sequence[tuple[int, int]], *, first: int | None = None) -> list[Gold]:
    """The links of a file: for each line `i-j` (sure) and `ipj` (possible), source word i and target word j.

    `lengths` are the words of each source and its target. `first` is the number of the first word, 0 or 1; None finds
    it out: 0 where that occurs, 1 where a link has the number of words. Raises DataError for a line that is not of this
    form, for a word that is not there, and when lines are missing or too many.
    """
    rows = [_parse(line, f"{path}:{number}") for number, line in enumerate(read_lines(path), start=1)]
    if len(rows) != len(lengths):
        raise DataError(
            f"{path} has {len(rows)} lines but there are {len(lengths)} pairs", hint="line n aligns pair n"
        )
    first = _first_word(rows, lengths, path) if first is None else first
    return [
        _gold(row, words, first, f"{path}:{number}")
        for number, (row, words) in enumerate(zip(rows, lengths, strict=True), start=1)
    ]


def counts(links: Links, gold: Gold) -> tuple[int, int, int, int]:
    """|A|, |S|, |A n S| and |A n P| of one pair."""
    return len(links), len(gold.sure), len(links & gold.sure), len(links & gold.possible)


def errors(rows: Sequence[tuple[int, int, int, int]]) -> Errors:
    """Of all pairs together, from the `counts` of each."""
    links, sure, right_sure, right_possible = np.array(rows, dtype=float).reshape(-1, 4).sum(0).tolist()
    return Errors(
        precision=right_possible / links if links else 1.0,
        recall=right_sure / sure if sure else 1.0,
        error_rate=1 - (right_sure + right_possible) / (links + sure) if links + sure else 0.0,
    )


def interval(rows: Sequence[tuple[int, int, int, int]], *, resamples: int) -> Interval:
    """Of the error rate, from pairs drawn with replacement as many as there are (bootstrap, Koehn 2004)."""
    table, generator = np.array(rows, dtype=float).reshape(-1, 4), np.random.default_rng(_SEED)
    rates = [errors(table[generator.integers(len(table), size=len(table))]).error_rate for _ in range(resamples)]
    return Interval(*np.percentile(rates, [2.5, 97.5]).tolist())


def _parse(line: str, place: str) -> list[tuple[int, str, int]]:
    found = []
    for item in line.split():
        link = _LINK.fullmatch(item)
        if not link:
            raise DataError(
                f"{place}: {item!r} is no link", hint="i-j for a sure link and ipj for a possible one, blanks between"
            )
        found.append((int(link[1]), link[2], int(link[3])))
    return found


def _first_word(rows: list, lengths: Sequence[tuple[int, int]], path: Path) -> int:
    """Whether words are counted from 0 or from 1."""
    zero = any(0 in (source, target) for row in rows for source, _, target in row)
    last = any(
        source >= words[0] or target >= words[1]
        for row, words in zip(rows, lengths, strict=True)
        for source, _, target in row
    )
    if not (zero or last) and any(rows):
        raise DataError(
            f"{path}: its links do not tell whether the first word is 0 or 1", hint="say so with --alignment-first"
        )
    return 0 if zero else 1


def _gold(row: list[tuple[int, str, int]], words: tuple[int, int], first: int, place: str) -> Gold:
    links = [((source - first, target - first), kind) for source, kind, target in row]
    for (source, target), kind in links:
        if not (0 <= source < words[0] and 0 <= target < words[1]):
            shown = f"{source + first}{kind}{target + first}"
            raise DataError(
                f"{place}: {shown}, but the source has {words[0]} words and the target {words[1]}",
                hint=f"numbers begin at {first} here, source first; is the text the one that was aligned?",
            )
    return Gold({link for link, kind in links if kind == "-"}, {link for link, _ in links})
