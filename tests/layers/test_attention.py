"""Attention by hand, and the fast kernels against the explicit equation."""

import math

import pytest
import torch
from torch import tensor

from nmt.layers.attention import MultiHead, ScoredAttention, explicit_attention, fast_attention, masked_softmax
from nmt.layers.position import Rotary
from nmt.layers.scope import Scope


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


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_fast_attention_is_explicit_attention(dtype):
    query, key, value = (torch.randn(2, 3, n, 4).to(dtype) for n in (5, 7, 7))
    mask = torch.rand(2, 1, 5, 7) > 0.3
    mask[..., 0] = True
    tolerance = 1e-12 if dtype == torch.float64 else 0.03
    expected, weights = explicit_attention(query, key, value, mask)
    torch.testing.assert_close(fast_attention(query, key, value, mask), expected, atol=tolerance, rtol=0)
    fused = torch.nn.functional.scaled_dot_product_attention(query, key, value, mask)
    torch.testing.assert_close(fused, expected, atol=tolerance, rtol=0)
    energy = (query.double() @ key.double().mT / 2).masked_fill(~mask, -math.inf)
    torch.testing.assert_close(weights.double(), energy.softmax(-1), atol=tolerance, rtol=0)


def test_attention_dropout_keeps_the_mean():
    query, key, value = torch.zeros(1, 1, 1, 2), torch.zeros(1, 1, 1000, 2), torch.ones(1, 1, 1000, 2)
    output, weights = explicit_attention(query, key, value, None, 0.25)
    assert output[0, 0, 0, 0].item() == pytest.approx(1, abs=0.1) and output[0, 0, 0, 0] != 1
    assert weights.sum().item() == pytest.approx(1)


def test_one_head_is_attention_between_projections():
    layer = MultiHead(4, 1, 0.0).double().eval()
    x, memory = torch.randn(2, 3, 4).double(), torch.randn(2, 5, 4).double()
    key, value = layer.key_value(memory).chunk(2, -1)
    expected = layer.output((layer.query(x) @ key.mT / 2).softmax(-1) @ value)
    torch.testing.assert_close(layer(layer.queries(x), *layer.keys_values(memory), None), expected)


def test_rotary_energies_depend_on_the_distance_alone():
    rotary = Rotary(20, 6).double()
    query, key = torch.randn(1, 1, 1, 6).double(), torch.randn(1, 1, 1, 6).double()
    near, far = (rotary(query, start + 3) @ rotary(key, start).mT for start in (0, 11))
    torch.testing.assert_close(near, far)
    assert not torch.allclose(near, rotary(query, 4) @ rotary(key, 0).mT)
