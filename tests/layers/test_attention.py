"""The attention of the attention RNN by hand."""

import math

import pytest
import torch
from torch import tensor

from nmt.layers.attention import ScoredAttention, masked_softmax


def scored(score, **weights):
    layer = ScoredAttention(score, query=2, memory=2, width=2).double()
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
    context, weights = layer(STATE, layer.keys(MEMORY), MEMORY, tensor([[True, True]]))
    assert weights.tolist() == [[[0.5, 0.5]]] and context.tolist() == [[[0.5, 1.5]]]
    context, weights = layer(STATE, layer.keys(MEMORY), MEMORY, tensor([[True, False]]))
    assert weights.tolist() == [[[1.0, 0.0]]] and context.tolist() == [[[1.0, 0.0]]]


def test_masked_softmax_by_hand():
    weights = masked_softmax(tensor([0.0, math.log(3), 9.0]), tensor([True, True, False]))
    torch.testing.assert_close(weights, tensor([0.25, 0.75, 0.0]))
