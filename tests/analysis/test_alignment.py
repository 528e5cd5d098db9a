"""From attention to links: words from pieces, the shift, one set of links from two."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.analysis.alignment import DECISIONS, SYMMETRIES, Reading, links, parse, pharaoh, readings, symmetrised
from nmt.decoding.engine import HeadChoice
from nmt.errors import ConfigError

LINKS = st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14)


def test_pieces_become_words_by_hand():
    # Source pieces: two of word 0, one of word 1, the end mark. Target: one of word 0, two of word 1, the end mark.
    weights = np.array([[0.3, 0.3, 0.35, 0.05], [0.0, 0.4, 0.6, 0.0], [0.5, 0.1, 0.2, 0.2], [0.0, 0.0, 0.1, 0.9]])
    def found(step: str, decision: str):
        return links(weights, [0, 0, 1], [0, 1, 1], parse(f"mean.mean.{step}.{decision}"))

    # plain: a = 0.6 0.35, and the mean of 0.4 0.6 and 0.6 0.2: 0.5 0.4
    assert found("plain", "target") == {(0, 0), (0, 1)}
    assert found("plain", "source") == {(0, 0), (1, 1)}
    # b = 0.6/0.95 0.6/1.1, 0.35/0.95 0.35/0.75; 0.5/0.9 0.5/1.1, 0.4/0.9 0.4/0.75: 0.344 0.172, 0.253 0.237
    assert found("plain", "both") == {(0, 0), (0, 1), (1, 1)}
    # shifted: a = 0.4 0.6, and the mean of 0.6 0.2 and 0 0.1: 0.3 0.15
    assert found("shifted", "target") == {(1, 0), (0, 1)}
    assert found("shifted", "source") == {(0, 0), (1, 0)}


def test_a_word_that_all_look_at_attracts_no_links():
    weights = np.array([[0.4, 0.0, 0.6], [0.0, 0.4, 0.6], [0.2, 0.1, 0.7]])
    weights = np.pad(weights, ((0, 1), (0, 1)))
    words = ([0, 1, 2], [0, 1, 2])
    assert links(weights, *words, parse("mean.mean.plain.target")) == {(2, 0), (2, 1), (2, 2)}
    assert links(weights, *words, parse("mean.mean.plain.both")) >= {(0, 0), (1, 1), (2, 2)}


def test_what_looks_nowhere_has_no_link():
    weights = np.array([[0, 0, 1], [0.1, 0, 0.9], [0, 0, 0]])
    for decision in DECISIONS:
        assert links(weights, [0, 1], [0, 1], Reading(decision=decision)) == {(0, 1)}
        assert links(weights, [0, 1], [0, 1], Reading(shifted=True, decision=decision)) == {(0, 0)}
        assert links(np.ones((1, 3)), [0, 1], [], Reading(decision=decision)) == set()
        assert links(np.ones((3, 1)), [], [0, 1], Reading(decision=decision)) == set()


@pytest.mark.parametrize("pieces", [0, 1, 2, 5])
def test_from_right_to_left_a_piece_is_read_one_step_after_it_was_written_too(pieces):
    weights = np.random.default_rng(pieces).random((pieces + 1, 5))  # of the steps as they were taken, end mark last
    turned = weights[[*range(pieces)[::-1], pieces]]
    source, target = [0, 1, 1, 2], [0, 0, 1, 2, 2][:pieces]
    for reading in readings(1, 1):
        assert links(turned, source, target, reading, "right_to_left") == links(weights, source, target[::-1], reading)


def test_words_keep_their_numbers():
    """Of a part of a line, or beside words of which normalisation left nothing."""
    for decision in DECISIONS:
        assert links(np.eye(3), [4, 7], [2, 5], Reading(decision=decision)) == {(4, 2), (7, 5)}


def test_heads_by_hand():
    maps = np.arange(2 * 3 * 2 * 2, dtype=float).reshape(2, 3, 2, 2)
    assert np.array_equal(HeadChoice(2, 3).of(maps), maps[1, 2])
    assert np.array_equal(HeadChoice(1).of(maps), maps[0].mean(0))
    assert np.array_equal(HeadChoice().of(maps), maps.reshape(6, 2, 2).mean(0))
    assert np.array_equal(HeadChoice(head=2).of(maps[:1]), maps[0, 1])


@pytest.mark.parametrize(
    ("heads", "told"),
    [
        (HeadChoice(3), "layer 3: attention to the source has layers 1 to 2"),
        (HeadChoice(0), "layer 0: attention to the source has layers 1 to 2"),
        (HeadChoice(1, 4), "head 4: attention to the source has heads 1 to 3"),
        (HeadChoice(1, 0), "head 0: "),
        (HeadChoice(head=1), "head 1: of which layer"),
    ],
)
def test_heads_that_there_are_not(heads, told):
    with pytest.raises(ConfigError, match=told):
        heads.of(np.zeros((2, 3, 2, 2)))


def test_readings_name_everything_once():
    for layers, heads, count in ((1, 1, 1), (3, 1, 4), (1, 4, 5), (3, 4, 16)):
        found = readings(layers, heads)
        assert len(found) == len(set(found)) == 6 * count
        assert [parse(str(each)) for each in found] == found
    assert str(Reading(HeadChoice(2), True, "target")) == "2.mean.shifted.target"
    assert str(Reading()) == "mean.mean.plain.both"


@pytest.mark.parametrize(
    "text", ["", "2.mean", "2.mean.plain", "0.1.plain.both", "mean.1.plain.both", "1.1.shift.both", "1.1.plain.both "]
)
def test_what_names_no_reading(text):
    with pytest.raises(ConfigError, match="LAYER"):
        parse(text)


def test_pharaoh_is_in_order():
    assert pharaoh({(10, 1), (2, 3), (2, 0)}) == "2-0 2-3 10-1"
    assert pharaoh(set()) == ""


def test_symmetrised_by_hand():
    forward = {(0, 0), (1, 1), (1, 2), (3, 3), (5, 6)}
    backward = {(0, 0), (2, 1), (1, 1), (3, 5)}
    assert symmetrised(forward, backward, "intersection") == {(0, 0), (1, 1)}
    assert symmetrised(forward, backward, "union") == forward | backward
    grown = {(0, 0), (1, 1), (2, 1), (1, 2)}  # (3, 3) touches none of them
    assert symmetrised(forward, backward, "grow-diag") == grown
    assert symmetrised(forward, backward, "grow-diag-final-and") == grown | {(3, 3), (5, 6)}  # 3 has a link by then


@given(LINKS, LINKS)
def test_laws_of_symmetrisation(forward, backward):
    found = [symmetrised(forward, backward, method) for method in ("intersection", "grow-diag", "grow-diag-final-and")]
    found.append(symmetrised(forward, backward, "union"))
    assert all(fewer <= more for fewer, more in pairwise(found))
    assert all(symmetrised(forward, forward, method) == forward for method in SYMMETRIES)
    final = found[2]
    for source, target in forward | backward:  # no two words stay without a link that one direction linked
        assert any(source == each[0] or target == each[1] for each in final)
