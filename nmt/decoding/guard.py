"""A guard against loops: a translation that repeats a phrase is searched again, with the phrase allowed once.

The second search forbids repeated n-grams (search.no_repeat_ngram), n being the length in pieces of what is repeated:
that makes this loop impossible and leaves shorter repetitions possible. If another loop comes of it, n becomes smaller.
A second result counts only if it does not loop. Each line is judged by itself, so its neighbours have no effect.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from nmt.config import SearchConfig
from nmt.decoding.engine import Found
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.loops import loop, period

_LEAST = 2
"""Without any piece twice few sentences could be written."""

Find = Callable[[Sequence[int], SearchConfig], list[Found]]
"""The search for the sources with these numbers."""


class Guarded(NamedTuple):
    """Results of a search, and the numbers of those that were searched again and of those that loop."""

    found: list[Found]
    searched_again: frozenset[int]
    loop: frozenset[int]


def guarded(
    find: Find, sources: Sequence[str], search: SearchConfig, read: Callable[[Sequence[Hypothesis]], list[str]]
) -> Guarded:
    """Search for all sources and, with search.repetition_guard, again for those whose translation loops.

    `read` gives the texts of hypotheses. Draws are never repeated: others would not come from the same distribution.
    """
    found = find(range(len(sources)), search)

    def looping(numbers: Sequence[int], results: Sequence[Found]) -> set[int]:
        texts = read([each.hypotheses[0] for each in results])
        return {number for number, text in zip(numbers, texts, strict=True) if loop(text, sources[number])}

    left, latest = looping(range(len(sources)), found), dict(enumerate(found))
    if not search.repetition_guard or search.sample:
        return Guarded(found, frozenset(), frozenset(left))
    lengths = _lengths(left, latest, dict.fromkeys(left, search.no_repeat_ngram))
    searched_again = frozenset(lengths)
    while lengths:
        for n, numbers in _grouped(lengths):
            again = find(numbers, search.model_copy(update={"no_repeat_ngram": n}))
            latest.update(zip(numbers, again, strict=True))
            mended = set(numbers) - looping(numbers, again)
            for number in mended:
                found[number] = latest[number]
            left -= mended
        lengths = _lengths(left, latest, lengths)
    return Guarded(found, searched_again, frozenset(left))


def _lengths(numbers: Iterable[int], found: dict[int, Found], before: dict[int, int]) -> dict[int, int]:
    """The n of the next search for each number, less than the n `before` (0: none); without those that have no next."""
    lengths = {}
    for number in numbers:
        n = max(_LEAST, period(found[number].hypotheses[0].ids))
        last = before.get(number)
        if last is not None and (n := min(n, last - 1) if last else n) >= _LEAST:
            lengths[number] = n
    return lengths


def _grouped(lengths: dict[int, int]) -> list[tuple[int, list[int]]]:
    groups = defaultdict(list)
    for number, n in sorted(lengths.items()):
        groups[n].append(number)
    return sorted(groups.items())
