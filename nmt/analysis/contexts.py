"""One word in several sentences: what it looks at in each, and what the translation makes of it.

A word such as `ball` has one embedding, at the opera and on the field. What tells the two apart enters by attention: in
the encoder, where the word looks at its neighbours, and in the step that writes its translation.
"""

from collections.abc import Sequence
from typing import NamedTuple

from nmt.analysis.attention import Attended, Choice, Kind, maps, merged
from nmt.errors import ConfigError, DataError


class Panel(NamedTuple):
    """One kind of attention, of the word or to it."""

    title: str
    bars: list[list[tuple[str, float]]]
    """For each sentence its words in their order, with weights."""


class Contexts(NamedTuple):
    """One word and the sentences that it stands in."""

    word: str
    side: str
    """source or target"""
    words: bool
    """Whether the sentences are in words; in pieces where no blanks divide them."""
    places: list[int]
    """The token of each sentence that is the word."""
    occurrences: list[int]
    """How often each sentence has it; the first is meant."""
    sentences: list[Attended]
    """In words or in pieces."""
    panels: list[Panel]


def compare(found: Sequence[Attended], word: str, choice: Choice) -> Contexts:
    """What a source word looks at, and which words of the translation look at it; or what a word of the translation
    looks at. Case does not matter.

    Raises DataError when a sentence lacks the word and ConfigError for a choice that is not one map of each kind.
    """
    if choice.every:
        raise ConfigError("a word is compared by one map of each kind", hint="choose a layer and a head, or their mean")
    side, words, places = _find(found, word)
    sentences = [merged(each) for each in found] if words else list(found)
    first = [each[0] for each in places]
    titles = {
        "source": {"encoder": "what {} looks at", "cross": "how much the translation looks at {}"},
        "target": {"cross": "what is looked at to write {}", "decoder": "what {} looks at"},
    }[side]
    panels = [
        _panel(title.format(f"“{word}”"), [each.kinds[name] for each in sentences], first, side, choice)
        for name, title in titles.items() if name in sentences[0].kinds
    ]  # fmt: skip
    return Contexts(word, side, words, first, list(map(len, places)), sentences, panels)


def _panel(title: str, kinds: list[Kind], places: list[int], side: str, choice: Choice) -> Panel:
    bars, shown = [], ""
    for kind, place in zip(kinds, places, strict=True):
        ((one,),) = maps(kind, choice)
        shown = one.title
        if kind.name == "cross" and side == "source":
            names, weights = one.queries, one.weights[:, place]
        else:
            names, weights = one.keys, one.weights[place + (kind.name == "decoder")]  # after the begin mark
        bars.append(list(zip(names, weights.tolist(), strict=True)))
    return Panel(f"{title} ({shown})", bars)


def _find(found: Sequence[Attended], word: str) -> tuple[str, bool, list[list[int]]]:
    """On which side all sentences have it, as words or else as pieces, and where each."""
    wanted, missing = _bare(word), []
    for words in (True, False):
        for side in ("source", "target"):
            places = [_places(each, side, words, wanted) for each in found]
            missing = missing or [each.source for each, there in zip(found, places, strict=True) if not there]
            if wanted and all(places):
                return side, words, places
    where = missing[0] if missing else found[0].source
    raise DataError(f"{word!r} is no word of {where!r}", hint="name one that every sentence has, or every translation")


def _places(attended: Attended, side: str, words: bool, wanted: str) -> list[int]:
    tokens = attended.source_tokens if side == "source" else attended.target_tokens
    return [number for number, each in enumerate(tokens.words if words else tokens.names) if _bare(each) == wanted]


def _bare(word: str) -> str:
    """Without case, and without the blank that begins a piece."""
    return word.strip("▁ ").casefold()
