"""Linear attention by hand, and its sums against the weights that they stand for."""

import math

import pytest
import torch
from torch import nn, tensor

from nmt.layers import linear_attention
from nmt.layers.linear_attention import LinearAttention, features
from nmt.layers.memory import Now
from nmt.layers.multi_head import Form

FORM = Form(width=12, heads=4, key_value_heads=2, score="scaled_dot", weighting="softmax", dropout=0.0)


def test_features_are_elu_plus_one_and_never_zero():
    x = tensor([-40.0, -1.0, 0.0, 2.0])
    torch.testing.assert_close(features(x), tensor([math.exp(-40), math.exp(-1), 1, 3]))
    exact = torch.randn(100, dtype=torch.float64)
    torch.testing.assert_close(features(exact), nn.functional.elu(exact) + 1)


def test_by_hand():
    layer = LinearAttention(Form(1, 1, 1, "scaled_dot", "softmax", 0.0), causal=True).double()
    for linear, value in ((layer.query, [[1.0]]), (layer.key_value, [[2.0], [1.0]]), (layer.output, [[1.0]])):
        linear.weight.data = tensor(value).double()
        linear.bias.data.zero_()
    x = tensor([[[1.0], [2.0]]]).double()  # phi(k) is 3 and 5
    torch.testing.assert_close(layer(x).flatten(), tensor([1, (3 * 1 + 5 * 2) / 8]).double())
    layer.causal = False
    torch.testing.assert_close(layer(x, tensor([[True, True]])).flatten(), tensor([13 / 8, 13 / 8]).double())
    torch.testing.assert_close(layer(x, tensor([[True, False]])).flatten(), tensor([1.0, 1.0]).double())


@pytest.mark.parametrize("chunk", [1, 3, 7, 64])
@pytest.mark.parametrize("causal", [True, False])
def test_the_sums_are_the_weights_that_are_shown(chunk, causal, monkeypatch):
    monkeypatch.setattr(linear_attention, "_CHUNK", chunk)
    layer, maps = LinearAttention(FORM, causal=causal).double(), []
    x, real = torch.randn(2, 7, 12).double(), None if causal else torch.arange(7) < tensor([[7], [4]])
    output = layer(x, real, maps)
    value = layer.keys_values(x)[1].repeat_interleave(2, 1)
    torch.testing.assert_close(output, layer.join(maps[0] @ value))
    torch.testing.assert_close(maps[0].sum(-1), torch.ones(2, 4, 7).double())


def test_a_step_is_a_position():
    layer = LinearAttention(FORM, causal=True).double()
    x, past, steps = torch.randn(2, 5, 12).double(), layer.start(torch.zeros(2, 1).double(), 1), []
    for position in range(5):
        output, past = layer.step(x[:, position : position + 1], past, Now(position))
        steps.append(output)
    torch.testing.assert_close(torch.cat(steps, 1), layer(x))
    assert past.shape == (2, 1, 2, 3, 4)
