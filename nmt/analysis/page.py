"""Attention as one HTML file to explore by pointing: all kinds, layers and heads, and nothing from elsewhere.

Text enters as data and is shown as text, so that a sentence about <script> is no script.
"""

import html
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np

from nmt.analysis.attention import NAMES, Attended, Choice, merged
from nmt.analysis.contexts import Contexts
from nmt.escapes import visible_line

_SCALE = 10_000
"""Weights are whole numbers of this share, which is more than a colour tells and takes a third of the room."""


def as_page(
    found: Sequence[Attended], *, title: str, kind: str, choice: Choice, words: bool, contexts: Contexts | None = None
) -> str:
    """The page of some sentences, one below the other; `kind`, `choice` and `words` are what it shows first.

    With contexts their word is chosen in each sentence.
    """
    first = "rollout" if choice.rollout else _chosen(choice.layer)
    data = {
        "scale": _SCALE, "names": NAMES,
        "choice": {"kind": kind, "layer": first, "head": _chosen(choice.head), "unit": _unit(words)},
        "contexts": contexts and {"side": contexts.side, "unit": _unit(contexts.words)},
        "sentences": [
            {
                "source": visible_line(each.source), "target": visible_line(each.target),
                "pieces": _kinds(each), "words": _kinds(merged(each)), "place": contexts and contexts.places[number],
            }
            for number, each in enumerate(found)
        ],
    }  # fmt: skip
    template = resources.files("nmt.analysis").joinpath("page.html").read_text(encoding="utf-8")
    page, rest = template.split("{{data}}")
    page = page.replace("{{title}}", html.escape(visible_line(title)))
    return page + json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c") + rest


def _kinds(attended: Attended) -> dict[str, Any]:
    return {
        name: {
            "queries": list(map(visible_line, kind.queries.names)), "keys": list(map(visible_line, kind.keys.names)),
            "weights": _whole(kind.weights), "rollout": None if kind.rollout is None else _whole(kind.rollout),
        }
        for name, kind in attended.kinds.items()
    }  # fmt: skip


def _whole(weights: np.ndarray) -> list:
    return np.rint(weights * _SCALE).astype(int).tolist()


def _chosen(number: int | None) -> int | str:
    """Numbers count from 0 there."""
    return "mean" if number is None else number - 1


def _unit(words: bool) -> str:
    return "words" if words else "pieces"
