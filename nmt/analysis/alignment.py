"""Word alignment from attention: from which words of the source each word of a translation was made.

    a_ji = mean over the pieces t of target word j of the sum over the pieces s of source word i of alpha_ts

    target    for each target word j the link (argmax_i a_ji, j)
    source    for each source word i the link (i, argmax_j a_ji)
    both      both kinds, symmetrised, of b_ji = a_ji / sum_i' a_ji' * a_ji / sum_j' a_j'i

A `Reading` says which attention alpha is meant and how links are made of it. b is the share of j's look that goes to i,
times the share of all looks at i that is j's: so words that everything looks at attract no links. The step that
predicts y_t (plain) does not know it yet; the step after it, whose input y_t is (shifted; Chen 2020), does. Links of
two directions, of one model or of two, become one set by `symmetrised` (Och and Ney 2003; Koehn 2003).
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from nmt.analysis.words import word_of_piece
from nmt.config.data import TargetOrder
from nmt.decoding.engine import HeadChoice
from nmt.decoding.target_order import as_read
from nmt.decoding.translation import Span, Translation
from nmt.errors import ConfigError

# T target pieces, S source pieces, both with the end mark

Links = set[tuple[int, int]]
"""(source word, target word), counted from 0."""
Decision = Literal["target", "source", "both"]
Symmetry = Literal["intersection", "union", "grow-diag", "grow-diag-final-and"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)
SYMMETRIES: tuple[Symmetry, ...] = get_args(Symmetry)

_NUMBER = r"(mean|[1-9]\d{0,5})"
_READING = re.compile(rf"{_NUMBER}\.{_NUMBER}\.(plain|shifted)\.({'|'.join(DECISIONS)})")
_NEIGHBOURS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


class Reading(NamedTuple):
    """Which of a model's attention to the source is read as an alignment, and how."""

    heads: HeadChoice = HeadChoice()
    shifted: bool = False
    """Whether a target piece is aligned at the step whose input it is, not at the one that predicts it."""
    decision: Decision = "both"

    def __str__(self) -> str:
        layer, head = (number or "mean" for number in self.heads)
        return f"{layer}.{head}.{'shifted' if self.shifted else 'plain'}.{self.decision}"


def parse(text: str) -> Reading:
    """The Reading that a string names, such as 2.mean.shifted.both. Raises ConfigError when it names none."""
    found = _READING.fullmatch(text)
    if not found or (found[1] == "mean" != found[2]):
        raise ConfigError(
            f"alignment reading: {text!r} is not of the form LAYER.HEAD.STEP.DECISION",
            hint="such as mean.mean.plain.both or 2.1.shifted.target; layers and heads count from 1",
        )
    layer, head = (None if number == "mean" else int(number) for number in found.group(1, 2))
    return Reading(HeadChoice(layer, head), found[3] == "shifted", found[4])


def readings(layers: int, heads: int) -> list[Reading]:
    """All that a model offers that has so many; no attention is named twice."""
    means = [HeadChoice()] if layers > 1 else []
    numbers = [*([None] if heads > 1 else []), *range(1, heads + 1)]
    chosen = [HeadChoice(layer, head) for layer in range(1, layers + 1) for head in numbers] + means
    return [
        Reading(each, shifted, decision) for each in chosen for shifted in (False, True) for decision in DECISIONS
    ]


def links(
    weights: np.ndarray, source_words: Sequence[int], target_words: Sequence[int], reading: Reading,
    order: TargetOrder = "left_to_right",
) -> Links:  # fmt: skip
    """From attention [T, S] and the number of the word that each piece belongs to, on either side; `order` is that in
    which the model writes.

    What looks at the end mark alone, or at nothing, has no link.
    """
    pieces = (as_read(weights, order)[1:] if reading.shifted else weights[:-1])[:, :-1]
    if not pieces.size:
        return set()
    sources, columns = np.unique(source_words, return_inverse=True)
    targets, rows, counts = np.unique(target_words, return_inverse=True, return_counts=True)
    merged = np.zeros((len(targets), len(sources)))
    np.add.at(merged, (rows[:, None], columns), pieces)
    found = _decide(merged / counts[:, None], reading.decision)
    return {(int(sources[source]), int(targets[target])) for source, target in found}


def _decide(words: np.ndarray, decision: Decision) -> Links:
    """From weights a [target word, source word]."""
    if decision == "both":
        words = _share(words, 1) * _share(words, 0)
        return symmetrised(_decide(words, "target"), _decide(words, "source"), "grow-diag")
    if decision == "source":
        return {(source, target) for target, source in _decide(words.T, "target")}
    best = zip(words.argmax(1).tolist(), words.max(1).tolist(), strict=True)
    return {(source, target) for target, (source, weight) in enumerate(best) if weight > 0}


def _share(words: np.ndarray, axis: int) -> np.ndarray:
    """What each is of the sum; 0 of nothing."""
    return words / np.maximum(words.sum(axis, keepdims=True), np.finfo(float).tiny)


def of_translation(found: Translation, reading: Reading, order: TargetOrder = "left_to_right") -> Links:
    """Between the words of a line and those of its first hypothesis: none where there is no attention to read."""
    if found.attention is None or found.places is None:
        return set()
    sources = _word_numbers(found.source, [part[found.tagged :] for part in found.places.source])
    targets = _word_numbers(found.hypotheses[0].text, found.places.target)
    texts = [weights[:, found.tagged :] for weights in found.attention]  # a tag is no word
    parts = zip(texts, sources, targets, strict=True)
    return {link for part in parts for link in links(*part, reading, order)}


def _word_numbers(text: str, places: list[list[Span]]) -> Iterator[list[int]]:
    """Of each part's pieces: which word of the text each belongs to."""
    numbers = iter(word_of_piece(text, [span for part in places for span in part]))
    return ([next(numbers) for _ in part] for part in places)


def pharaoh(links: Links) -> str:
    """One line: source and target words counted from 0."""
    return " ".join(f"{source}-{target}" for source, target in sorted(links))


def symmetrised(forward: Links, backward: Links, method: Symmetry) -> Links:
    """One set of links from those of two directions.

    `grow-diag` begins with what both have and adds, as long as it can, what one of them has next to a link (diagonals
    too) if it gives a word its first link; `grow-diag-final-and` then adds what links two words without any.
    """
    both, either = forward & backward, forward | backward
    if method in ("intersection", "union"):
        return both if method == "intersection" else either
    grown = _grown(both, either)
    if method == "grow-diag-final-and":
        linked = _linked(grown)
        for source, target in [*sorted(forward), *sorted(backward)]:
            if source not in linked[0] and target not in linked[1]:
                _add((source, target), grown, linked)
    return grown


def _grown(start: Links, candidates: Links) -> Links:
    grown, linked, fresh = set(start), _linked(start), deque(sorted(start))
    while fresh:
        source, target = fresh.popleft()
        for further, right in _NEIGHBOURS:
            link = (source + further, target + right)
            if link in candidates and not (link[0] in linked[0] and link[1] in linked[1]):
                _add(link, grown, linked)
                fresh.append(link)
    return grown


def _linked(links: Links) -> tuple[set[int], set[int]]:
    """The source and the target words that have a link."""
    return {source for source, _ in links}, {target for _, target in links}


def _add(link: tuple[int, int], links: Links, linked: tuple[set[int], set[int]]) -> None:
    links.add(link)
    for words, word in zip(linked, link, strict=True):
        words.add(word)
