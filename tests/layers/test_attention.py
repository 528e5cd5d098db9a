"""The attention of the attention RNN by hand."""

import math

import pytest
import torch
from torch import tensor

from nmt.layers.attention import ScoredAttention
from nmt.layers.scope import Scope
from nmt.layers.weighting import masked_softmax


def scored(score, **weights):
    scope = Scope("global", 1, 2)
    layer = ScoredAttention(score, 2, 2, 2, weighting="softmax", scope=scope, coverage="coverage" in weights).double()
    for name, value in weights.items():
        layer.get_parameter(name.replace("_", ".")).data = tensor(value).double()
    return layer


STATE, MEMORY = tensor([[[1.0, 2.0]]]).double(), tensor([[[1.0, 0.0], [0.0, 3.0]]]).double()
EYE, ZERO = [[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (scored("dot", query_weight=EYE, query_bias=ZERO, key_weight=EYE), [1.0, 6.0]),
        (scored("scaled_dot", query_weight=EYE, query_bias=ZERO, key_weight=EYE), [1 / 2**0.5, 6 / 2**0.5]),
        (scored("general", key_weight=[[0.0, 1.0], [1.0, 0.0]]), [2.0, 3.0]),
        (
            scored("additive", query_weight=EYE, query_bias=ZERO, key_weight=EYE, v=[1.0, 10.0]),
            [math.tanh(2) + 10 * math.tanh(2), math.tanh(1) + 10 * math.tanh(5)],
        ),
    ],
    ids=["dot", "scaled_dot", "general", "additive"],
)
def test_scores_by_hand(layer, expected):
    torch.testing.assert_close(layer.energy(STATE, layer.keys(MEMORY))[0, 0], tensor(expected).double())


def test_context_is_the_weighted_mean_of_what_the_mask_leaves():
    layer = scored("general", key_weight=[[0.0, 0.0], [0.0, 0.0]])  # all energies 0: equal weights
    keys = layer.keys(MEMORY)
    past = layer.start(keys, 1)
    look = layer(STATE, keys, MEMORY, tensor([[True, True]]), past)
    assert look.weights.tolist() == [[[0.5, 0.5]]] and look.context.tolist() == [[[0.5, 1.5]]]
    look = layer(STATE, keys, MEMORY, tensor([[True, False]]), past)
    assert look.weights.tolist() == [[[1.0, 0.0]]] and look.context.tolist() == [[[1.0, 0.0]]]


SEEN = tensor([[[0.5, 2.0]]]).double()  # how much of each position; w_c = [1, 10]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (scored("dot", query_weight=EYE, query_bias=ZERO, key_weight=EYE, coverage=[1.0, 10.0]), [11.5, 48.0]),
        (scored("scaled_dot", query_weight=EYE, query_bias=ZERO, key_weight=EYE, coverage=[1.0, 10.0]),
         [11.5 / 2**0.5, 48 / 2**0.5]),
        (scored("general", key_weight=EYE, coverage=[1.0, 10.0]), [11.5, 48.0]),
        (scored("additive", query_weight=EYE, query_bias=ZERO, key_weight=EYE, v=[1.0, 10.0], coverage=[0.1, 1]),
         [math.tanh(2.05) + 10 * math.tanh(2.5), math.tanh(1.2) + 10 * math.tanh(7)]),
    ],
    ids=["dot", "scaled_dot", "general", "additive"],
)  # fmt: skip
def test_coverage_in_the_score_by_hand(layer, expected):
    """In a dot product 1 + 0.5 (1 + 20) and 6 + 2 (1 + 20)."""
    torch.testing.assert_close(layer.energy(STATE, layer.keys(MEMORY), SEEN)[0, 0], tensor(expected).double())


def test_coverage_is_the_sum_of_the_weights_and_never_rough():
    layer = scored("general", key_weight=[[0.0, 0.0], [0.0, 0.0]], coverage=ZERO).bfloat16()
    state, memory = STATE.bfloat16(), MEMORY.bfloat16()
    past = layer.start(layer.keys(memory), 1)
    assert past.coverage.tolist() == [[[0.0, 0.0]]]
    for _ in range(600):  # a sum in bfloat16 stops at 128
        past = layer(state, layer.keys(memory), memory, tensor([[True, True]]), past).past
    assert past.coverage.tolist() == [[[300.0, 300.0]]]


def test_masked_softmax_by_hand():
    weights = masked_softmax(tensor([0.0, math.log(3), 9.0]), tensor([True, True, False]))
    torch.testing.assert_close(weights, tensor([0.25, 0.75, 0.0]))
