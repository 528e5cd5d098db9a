"""Attention as lines of text for a terminal, without colour: for each token where it looks, as a strip and in words.

    1 A  2 man  3 in  4 an  5 orange  6 hat  7 .
            │1234567│
       Hut  │   ▁▁█ │  hat 59%  orange 9%  an 7%

The strip has a column for each key, in their order, so that a translation in the source's order shows a diagonal. Above
it stand the last digits of their numbers.
"""

import unicodedata

import numpy as np

from nmt.analysis.attention import Map
from nmt.analysis.contexts import Contexts
from nmt.escapes import visible_line

_BARS = " ▁▂▃▄▅▆▇█"
_GAP = "  "
_NAMED, _LEAST = 3, 0.05
"""So many keys are named at most, and only those with so much weight, the strongest in any case."""
_LISTED = 8
"""Words that are listed of a sentence."""
_LABEL, _NAMES = 24, 28
"""Columns: at most for a token, and at least for the named keys, or the strip is left out."""
_NARROWEST = 30


def as_text(map: Map, *, width: int) -> str:
    """A map in lines of at most `width` columns (more only where that is less than 30)."""
    width = max(width, _NARROWEST)
    names = [visible_line(each) for each in map.queries]
    label = min(max(columns(each) for each in names), _LABEL, width // 3)
    left = width - label - 2 * len(_GAP)
    strip = left - len(map.keys) - len(_GAP) - 2 >= _NAMES
    top = float(map.weights.max())
    lines = [*_wrap(map.title, width)]
    if strip:
        left -= len(map.keys) + len(_GAP) + 2
        lines += _fill([f"{number} {visible_line(key)}" for number, key in enumerate(map.keys, 1)], _GAP, width)
        lines.append(f"{' ' * (label + len(_GAP))}│{_ruler(len(map.keys))}│{_GAP}█ is {top:.0%}")
    for name, row in zip(names, map.weights, strict=True):
        start = _right(fit(name, label), label) + _GAP + (f"│{_strip(row, top)}│{_GAP}" if strip else "")
        lines.append((start + _named(row, map.keys, left)).rstrip())
    return "\n".join(lines)


def contexts_as_text(contexts: Contexts, *, width: int) -> str:
    """The sentences side by side where the width allows it, else one below the other."""
    width, count = max(width, _NARROWEST), len(contexts.sentences)
    column = (width - 3 * (count - 1)) // count
    beside = column >= _NARROWEST
    column = column if beside else width
    sentences = [[*_wrap(each.source, column), *_wrap(f"→ {each.target}", column)] for each in contexts.sentences]
    blocks = [_beside(sentences, column)] if beside else []
    for panel in contexts.panels:
        lists = [_bars(bars, column) for bars in panel.bars]
        if not beside:
            lists = ["\n".join([*head, "", *rows]) for head, rows in zip(sentences, lists, strict=True)]
        blocks += ["\n".join(_wrap(panel.title, width)), *([_beside(lists, column)] if beside else lists)]
    return "\n\n".join(blocks)


def columns(text: str) -> int:
    """Columns of a terminal: two for East Asian wide characters, none for marks that combine with the one before."""
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text)
    return len(text) + wide - sum(unicodedata.category(each) in ("Mn", "Me", "Cf") for each in text)


def _strip(row: np.ndarray, top: float) -> str:
    levels = np.rint(row / top * (len(_BARS) - 1)).astype(int) if top else np.zeros(len(row), dtype=int)
    return "".join(_BARS[level] for level in levels)


def _ruler(length: int) -> str:
    """The last digit of each key's number."""
    return "".join(str(number % 10) for number in range(1, length + 1))


def _named(row: np.ndarray, keys: list[str], width: int) -> str:
    """The strongest keys with their shares, as many as fit."""
    text = ""
    for rank, place in enumerate(np.argsort(-row, kind="stable")[:_NAMED]):
        if rank and row[place] < _LEAST:
            break
        share = f" {row[place]:.0%}"
        name = fit(visible_line(keys[place]), max(1, width - len(share)) if not rank else _LABEL)
        if rank and columns(text) + len(_GAP) + columns(name) + len(share) > width:
            break
        text += (_GAP if rank else "") + name + share
    return text


def _bars(bars: list[tuple[str, float]], width: int) -> list[str]:
    """The strongest words, strongest first, each with its share and a bar."""
    strongest = sorted(bars, key=lambda bar: -bar[1])[:_LISTED]
    label = min(max((columns(visible_line(name)) for name, _ in strongest), default=0), width // 2)
    room = max(1, width - label - 7)
    return [
        f"{_left(fit(visible_line(name), label), label)} {weight:>4.0%} {'█' * round(weight * room)}".rstrip()
        for name, weight in strongest
    ]


def _beside(cells: list[list[str]], width: int) -> str:
    height = max(map(len, cells))
    padded = [[*cell, *[""] * (height - len(cell))] for cell in cells]
    return "\n".join(" │ ".join(_left(line, width) for line in row).rstrip() for row in zip(*padded, strict=True))


def fit(text: str, width: int) -> str:
    """The text, cut to so many columns with an ellipsis."""
    if columns(text) <= width:
        return text
    while text and columns(text) > width - 1:
        text = text[:-1]
    return text + "…"


def _wrap(text: str, width: int) -> list[str]:
    return _fill(visible_line(text).split(), " ", width)


def _fill(parts: list[str], gap: str, width: int) -> list[str]:
    """Lines of parts with a gap between them, as many as fit."""
    lines = [""]
    for part in parts:
        part = fit(part, width)
        if lines[-1] and columns(lines[-1]) + len(gap) + columns(part) > width:
            lines.append("")
        lines[-1] += (gap if lines[-1] else "") + part
    return lines


def _left(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def _right(text: str, width: int) -> str:
    return " " * (width - columns(text)) + text
