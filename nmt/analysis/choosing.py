"""Which reading of a model's attention aligns best, and how well.

That is a choice, and a figure on the lines that made it flatters: it is made on the first lines of a gold alignment and
reported on the rest.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nmt.analysis.aligner import Pair, align, check, shape
from nmt.analysis.alignment import SYMMETRIES, Links, Reading, Symmetry, readings, symmetrised
from nmt.analysis.gold import Errors, Gold, Interval, counts, errors, interval
from nmt.decoding.translator import Translator

RESAMPLES = 1000
"""Of the sentences, for an interval."""

Alignments = Mapping[str, Sequence[Links]]
"""The links of every pair by each method."""


class Method(NamedTuple):
    """What a way of making links is worth."""

    name: str
    """A reading, or two and how they were symmetrised."""
    choosing: Errors | None
    """On the pairs by which the best was chosen, if there was a choice."""
    errors: Errors
    """On all others."""


class Aligner(NamedTuple):
    """A model, or one of each direction."""

    name: str
    methods: list[Method]
    """The best first. None for a model without attention."""
    interval: Interval | None
    """Of the best one's error rate."""
    too_long: int
    """Pairs that the model does not take, for which it has no link."""


class Plan(NamedTuple):
    """How the links are made, or chosen."""

    first: int
    """So many pairs choose; 0: nothing is chosen."""
    readings: Sequence[Reading | None]
    """Where nothing is chosen: the reading, and that of the reverse model; None is the usual one."""
    symmetry: Symmetry
    """Likewise."""


def evaluate(
    named: tuple[str, Translator], pairs: Sequence[Pair], gold: Sequence[Gold], plan: Plan, *,
    reverse: tuple[str, Translator] | None = None,
) -> list[Aligner]:  # fmt: skip
    """How well a model aligns given pairs, and beside it a model of the reverse direction and both together.

    Raises ConfigError for a layer or head that there is not, NMTError for a reverse model without attention.
    """
    name, translator = named
    if shape(translator) is None:
        return [Aligner(name, [], None, 0)]
    forward, too_long = _alignments(translator, pairs, plan, plan.readings[0])
    found = [_aligner(name, forward, gold, plan, too_long)]
    if reverse is None:
        return found
    swapped, longer = _alignments(reverse[1], [(target, source) for source, target in pairs], plan, plan.readings[-1])
    backward = {method: [_turned(links) for links in each] for method, each in swapped.items()}
    found.append(_aligner(reverse[0], backward, gold, plan, longer))
    one, other = (each.methods[0].name for each in found)
    both = {
        f"{one} {other} {symmetry}": [
            symmetrised(*each, symmetry) for each in zip(forward[one], backward[other], strict=True)
        ]
        for symmetry in (SYMMETRIES if plan.first else [plan.symmetry])
    }
    return [*found, _aligner(f"{name} + {reverse[0]}", both, gold, plan, max(too_long, longer))]


def _alignments(
    translator: Translator, pairs: Sequence[Pair], plan: Plan, asked: Reading | None
) -> tuple[Alignments, int]:
    """By all readings, or by the one that is asked for; and how many pairs were too long."""
    usual = check(translator, asked)
    chosen = readings(*shape(translator)) if plan.first else [usual]
    found = list(align(translator, pairs, chosen))
    links = [[set() for _ in chosen] if each is None else each for each in found]
    by_method = {str(reading): [each[place] for each in links] for place, reading in enumerate(chosen)}
    return by_method, found.count(None)


def _aligner(name: str, alignments: Alignments, gold: Sequence[Gold], plan: Plan, too_long: int) -> Aligner:
    rows = {
        method: [counts(*each) for each in zip(found, gold, strict=True)] for method, found in alignments.items()
    }
    methods = [
        Method(method, errors(row[: plan.first]) if plan.first else None, errors(row[plan.first :]))
        for method, row in rows.items()
    ]
    if plan.first:
        methods.sort(key=lambda method: method.choosing.error_rate)
    best = rows[methods[0].name][plan.first :]
    return Aligner(name, methods, interval(best, resamples=RESAMPLES), too_long)


def _turned(links: Links) -> Links:
    return {(target, source) for source, target in links}
