"""Pictures: whole files with all labels in them, the same each time, whatever the text and the user's style."""

import logging
import struct
import warnings
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install matplotlib")

import matplotlib

from nmt.analysis import heatmap
from nmt.analysis.attention import Attended, Map, Tokens
from nmt.analysis.contexts import Contexts, Panel
from nmt.analysis.fonts import fonts_for

ODD = ["$x_1$", "$", r"\frac", "<script>", "&amp;", "\x1b[0m", "a\nb", "", "_", "b" * 99, "Ünï", *"שמ漢😀"]


def drawn(queries: list[str], keys: list[str], title: str = "cross-attention: layer 1, head 2") -> Map:
    return Map(title, queries, keys, np.random.default_rng(1).dirichlet(np.ones(len(keys)), len(queries)))


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n") and png.endswith(b"IEND\xaeB`\x82")
    return struct.unpack(">II", png[16:24])


def texts(svg: bytes) -> list[str]:
    return ["".join(each.itertext()) for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


@pytest.fixture(autouse=True)
def no_noise(caplog):
    """matplotlib complains of nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with caplog.at_level(logging.WARNING):
            yield
    assert not caplog.records


def test_all_labels_are_in_the_picture():
    queries, keys = ["▁Ein", "▁Hut", "</s>"], ["▁A", "▁hat", ".", "</s>"]
    content, missing = heatmap.draw([[drawn(queries, keys)]], "", format="svg")
    found = texts(content)
    assert set(found) >= {*queries, *keys, "weight", "cross-attention: layer 1, head 2"}
    assert missing == ""


def test_a_grid_has_labels_at_its_edges_and_a_title_each():
    grid = [[drawn(["q"], ["k", "l"], f"t: layer {row}, head {column}") for column in (1, 2, 3)] for row in (1, 2)]
    found = texts(heatmap.draw(grid, "every head", format="svg")[0])
    assert (found.count("q"), found.count("k"), found.count("l")) == (2, 3, 3)
    assert {f"layer {row}, head {column}" for row in (1, 2) for column in (1, 2, 3)} <= set(found)
    assert "every head" in found


def test_any_text_is_text():
    content, missing = heatmap.draw([[drawn(ODD, ODD)]], "", format="svg")
    labels = texts(content)
    assert {"$x_1$", "$", r"\frac", "<script>", "&amp;", r"a\u000ab", r"\u001b[0m", "b" * 27 + "…"} <= set(labels)
    png, also_missing = heatmap.draw([[drawn(ODD, ODD)]], "$ <title>", format="png")
    assert size_of(png) and missing == also_missing
    assert set(missing) <= set("漢字😀")


def test_characters_that_xml_forbids_are_escaped():
    odd = ["a\ufffeb", "\uffff", "\x00", "\x85", "\ud800", "\udcff", "\u202e"]
    content, _ = heatmap.draw([[drawn(odd, odd)]], "", format="svg")
    assert {r"a\ufffeb", r"\uffff", r"\u0000", r"\u0085", r"\ud800", r"\udcff", r"\u202e"} <= set(texts(content))
    sentence = Attended("a\uffffb", "c\ufffed", Tokens([], [], []), Tokens([], [], []), {})
    panel = Panel("looks \x0b at", [[(each, 0.5) for each in odd]])
    contexts = Contexts("\ufffe", "source", False, [0], [1], [sentence], [panel])
    shown = " ".join(texts(heatmap.draw_contexts(contexts, format="svg")[0]))
    assert all(escape in shown for escape in (r"a\uffffb", r"c\ufffed", r"looks \u000b at", r"\ud800"))


def test_a_font_is_found_or_its_lack_is_told():
    families, missing = fonts_for(["abc", "Ünïcödé"])
    assert families == ["DejaVu Sans"] and missing == ""
    families, missing = fonts_for(["a\U0010fffd"])  # of private use
    assert missing == "\U0010fffd" and not any(each.startswith("Last Resort") for each in families)


def test_the_picture_grows_with_the_sentence():
    small, large = (
        size_of(heatmap.draw([[drawn(["q"] * 20, ["k"] * count)]], "", format="png")[0]) for count in (10, 80)
    )
    assert large[0] > small[0] + 60 * 0.2 * 150 and large[1] == small[1]
    assert max(small) < 1200


@pytest.mark.soak
def test_the_largest_has_a_size_that_can_be_looked_at():
    content, _ = heatmap.draw([[drawn(["q"] * 255, ["k"] * 255)] * 8] * 2, "", format="png")
    assert 3990 < max(size_of(content)) <= 4000


@pytest.mark.parametrize("weights", [np.zeros((2, 2)), np.ones((2, 2)), np.full((2, 2), 1e-30)])
def test_weights_of_any_size(weights):
    assert size_of(heatmap.draw([[Map("t", ["a", "b"], ["c", "d"], weights)]], "", format="png")[0])


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_the_same_bytes_whatever_the_users_style(form):
    first, _ = heatmap.draw([[drawn(["q"], ["k", "l"])]], "", format=form)
    style = {"font.size": 30, "axes.facecolor": "red", "savefig.bbox": "tight", "svg.hashsalt": "x"}
    with matplotlib.rc_context(style):
        second, _ = heatmap.draw([[drawn(["q"], ["k", "l"])]], "", format=form)
        assert matplotlib.rcParams["font.size"] == 30
    assert first == second


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_a_word_in_its_contexts(form):
    tokens = Tokens([], [], [])
    found = [Attended(f"a ball {number}", "ein $Ball$", tokens, tokens, {}) for number in (1, 2)]
    bars = [[("ball", 0.5), ("</s>", 0.25)], [("ball", 0.75), ("opera", 0.0), ("$", 0.1)]]
    panels = [Panel("what “ball” looks at", bars), Panel("how much", bars)]
    contexts = Contexts("ball", "source", True, [0, 0], [1, 1], found, panels)
    content, missing = heatmap.draw_contexts(contexts, format=form)
    assert missing == ""
    if form == "svg":
        found = texts(content)
        assert {"ball", "opera", "what “ball” looks at", " 75%", "a ball 1", "→ ein $Ball$"} <= set(found)
