"""Attention rollout by hand."""

import numpy as np
import pytest

from nmt.analysis import rollout


def test_two_layers_by_hand():
    first = np.array([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]])  # two heads, mean [[.5, .5], [.5, .5]]
    second = np.array([[[0.0, 1.0], [1.0, 0.0]]] * 2)
    # A_1 = [[.75, .25], [.25, .75]], A_2 = [[.5, .5], [.5, .5]], R = A_2 A_1
    assert rollout.of(np.stack([first, second])) == pytest.approx(np.full((2, 2), 0.5))
    # one layer more, of the first's kind: R = A_1 (A_2 A_1) is uniform; the other order is not the same in general
    third = np.array([[[1.0, 0.0], [1.0, 0.0]]] * 2)  # A_3 = [[1, 0], [.5, .5]]
    assert rollout.of(np.stack([third, first])) == pytest.approx(np.array([[0.875, 0.125], [0.625, 0.375]]))
    assert rollout.of(np.stack([first, third])) == pytest.approx(np.array([[0.75, 0.25], [0.5, 0.5]]))


def test_what_looks_at_itself_stays():
    assert rollout.of(np.broadcast_to(np.eye(3), (4, 2, 3, 3))) == pytest.approx(np.eye(3))


def test_rows_are_distributions_also_where_weights_are_not():
    weights = np.random.default_rng(1).random((3, 2, 5, 5))  # as of a sigmoid
    weights[1, :, 2] = 0
    rolled = rollout.of(weights)
    assert rolled.sum(-1) == pytest.approx(np.ones(5)) and (rolled >= 0).all()
    causal = rollout.of(np.tril(weights))
    assert np.triu(causal, 1).max() == 0


def test_cross_by_hand():
    encoder = np.array([[[[0.0, 1.0], [1.0, 0.0]]]])  # A = [[.5, .5], [.5, .5]]
    decoder = np.array([[[[1.0, 0.0], [1.0, 0.0]]]] * 2)  # A = [[1, 0], [.5, .5]]
    cross = np.array([[[[1.0, 0.0], [0.0, 1.0]]]] * 2)
    # Whatever is read has both source positions by halves.
    assert rollout.cross(encoder, decoder, cross) == pytest.approx(np.full((2, 2), 0.5))
    # An encoder that mixes nothing. Layer 1: Y = .5 C = [[.5, 0], [0, .5]]; layer 2: .5 A Y + .5 C
    # = .5 [[.5, 0], [.25, .25]] + [[.5, 0], [0, .5]] = [[.75, 0], [.125, .625]], and without the target's share:
    still = np.eye(2)[None, None]
    expected = np.array([[1.0, 0.0], [0.125 / 0.75, 0.625 / 0.75]])
    assert rollout.cross(still, decoder, cross) == pytest.approx(expected)


def test_cross_that_looks_nowhere_is_nothing():
    still = np.eye(2)[None, None]
    assert rollout.cross(still, still, np.zeros((1, 1, 2, 2))).tolist() == [[0, 0], [0, 0]]
