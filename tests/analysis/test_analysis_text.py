"""Attention as text: what is strongest is named, no line is wider than asked, nothing steers the terminal."""

import numpy as np
import pytest

from nmt.analysis.attention import Attended, Map, Tokens
from nmt.analysis.contexts import Contexts, Panel
from nmt.analysis.text import as_text, columns, contexts_as_text

WEIGHTS = np.array([[0.8, 0.16, 0.04, 0.0], [0.0, 0.5, 0.5, 0.0], [0.25, 0.25, 0.25, 0.25]])
SMALL = Map("cross-attention: layer 1, head 2", ["Hut", "漢字", "</s>"], ["hat", "a", "orange", "."], WEIGHTS)
ODD = ["\x1b[31mred", "漢字", "e\u0301", "\u2028", "a" * 300, "", "שלום", "\u200d", "a\u202eb"]


def test_by_hand():
    assert as_text(SMALL, width=60).splitlines() == [
        "cross-attention: layer 1, head 2",
        "1 hat  2 a  3 orange  4 .",
        "      │1234│  █ is 80%",
        " Hut  │█▂  │  hat 80%  a 16%",
        "漢字  │ ▅▅ │  a 50%  orange 50%",
        "</s>  │▂▂▂▂│  hat 25%  a 25%  orange 25%",
    ]


def test_keys_are_numbered():
    one = Map("title", ["q"], [f"k{number}" for number in range(23)], np.full((1, 23), 0.5))
    assert as_text(one, width=70).splitlines()[1:4] == [
        "1 k0  2 k1  3 k2  4 k3  5 k4  6 k5  7 k6  8 k7  9 k8  10 k9  11 k10",
        "12 k11  13 k12  14 k13  15 k14  16 k15  17 k16  18 k17  19 k18  20 k19",
        "21 k20  22 k21  23 k22",
    ]
    assert as_text(one, width=70).splitlines()[4].startswith("   │12345678901234567890123│")


def test_where_there_is_no_room_the_strip_goes_first():
    assert as_text(SMALL, width=31).splitlines()[2:] == [
        " Hut  hat 80%  a 16%", "漢字  a 50%  orange 50%", "</s>  hat 25%  a 25%",
    ]  # fmt: skip


@pytest.mark.parametrize("width", [1, 30, 31, 50, 80, 200])
@pytest.mark.parametrize("keys", [ODD, ODD * 20, ["x"]])
def test_no_line_is_too_wide_and_each_query_has_one(width, keys):
    one = Map("title " * 30, ODD, keys, np.random.default_rng(1).dirichlet(np.ones(len(keys)), len(ODD)))
    lines = as_text(one, width=width).split("\n")
    assert max(map(columns, lines)) <= max(width, 30)
    assert len(lines) >= 1 + len(ODD) and all("%" in line for line in lines[-len(ODD) :])
    assert not {"\x1b", "\u2028", "\u202e"} & set("".join(lines))


@pytest.mark.parametrize("weights", [np.zeros((1, 2)), np.ones((1, 2))])
def test_weights_need_not_sum_to_one(weights):
    (*_, line) = as_text(Map("t", ["q"], ["a", "b"], weights), width=60).split("\n")
    assert f"a {weights[0, 0]:.0%}" in line


def made(*sentences: str) -> Contexts:
    tokens = Tokens([], [], [])
    found = [Attended(each, "Ziel " * 20, tokens, tokens, {}) for each in sentences]
    bars = [[("ball", 0.5), ("opera", 0.25), *((name, 0.02) for name in ODD)]] * len(sentences)
    places, panels = [0] * len(sentences), [Panel("looks at", bars)]
    return Contexts("ball", "source", True, places, [1] * len(sentences), found, panels)


def test_contexts_side_by_side():
    lines = contexts_as_text(made("a ball", "the ball"), width=70).split("\n")
    assert [each.strip() for each in lines[0].split("│")] == ["a ball", "the ball"]
    (best,) = [line for line in lines if line.startswith("ball ")]
    left, right = best.split(" │ ")
    assert left.rstrip() == right.rstrip() and left.split() == ["ball", "50%", left.count("█") * "█"] and "█" in left
    assert len([line for line in lines if "%" in line]) == 8  # the strongest


@pytest.mark.parametrize("width", [1, 30, 50, 63, 64, 100])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_no_line_of_contexts_is_too_wide(width, count):
    text = contexts_as_text(made(*["a ball of 漢字 " * 9] * count), width=width)
    assert max(map(columns, text.split("\n"))) <= max(width, 30)
    assert text.count("50%") == count
