"""What stands in the place of a decoder's self-attention: average attention and the SSRU, by hand."""

import math

import pytest
import torch
from torch import nn, tensor

from nmt.layers.average_attention import AverageAttention
from nmt.layers.feed_forward import FeedForward
from nmt.layers.memory import Now
from nmt.layers.ssru import SSRU


def fill(module: nn.Module, **weights: list) -> None:
    for name, value in weights.items():
        module.get_parameter(name.replace("__", ".")).data = tensor(value).double()


def average() -> AverageAttention:
    layer = AverageAttention(1, FeedForward(1, 1, "relu", 0.0)).double()
    one, none = [[1.0]], [0.0]
    fill(layer.feed_forward, expand__weight=one, expand__bias=none, contract__weight=[[2.0]], contract__bias=none)
    fill(layer, gates__weight=[[1.0, 0.0], [0.0, 1.0]], gates__bias=[0.0, 0.0])  # i from x, f from g
    return layer


def ssru() -> SSRU:
    layer = SSRU(1).double()
    fill(layer, forget__weight=[[0.0]], forget__bias=[math.log(3)], new__weight=[[2.0]])  # f is always 3/4
    return layer


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


X = tensor([[[1.0], [3.0], [-10.0]]]).double()


def test_average_attention_by_hand():
    maps = []
    output = average()(X, maps=maps).flatten().tolist()
    gated = ((1, 2), (3, 4), (-10, 0))  # x_t and g_t = 2 relu of the mean: 1, 2 and -2
    assert output == pytest.approx([sigmoid(x) * x + sigmoid(g) * g for x, g in gated])
    third = 1 / 3
    torch.testing.assert_close(maps[0][0, 0], tensor([[1, 0, 0], [0.5, 0.5, 0], [third, third, third]]).double())


def test_ssru_by_hand():
    cells = [0.25 * 2, 0.75 * 0.5 + 0.25 * 6, 0.75 * 1.875 - 0.25 * 20]
    maps = []
    assert ssru()(X, maps=maps).flatten().tolist() == pytest.approx([cells[0], cells[1], 0.0]) and not maps


@pytest.mark.parametrize("layer", [average(), ssru()], ids=["average", "ssru"])
def test_a_step_is_a_position(layer):
    past, steps = layer.start(torch.zeros(1, 1).double(), 1), []
    for position in range(3):
        output, past = layer.step(X[:, position : position + 1], past, Now(position))
        steps.append(output)
    torch.testing.assert_close(torch.cat(steps, 1), layer(X))


def test_a_gate_is_not_rounded():
    """In bfloat16 one of 0.9985 would be 1: what writes nothing, forgets nothing and learns nothing."""
    layer = ssru()
    layer.forget.bias.data.fill_(6.5)
    exact = layer(torch.ones(1, 100, 1).double())
    layer.bfloat16()
    rounded = layer(torch.ones(1, 100, 1).bfloat16())
    torch.testing.assert_close(rounded.double(), exact, rtol=1e-2, atol=0)
    rounded.sum().backward()
    assert layer.forget.bias.grad.any() and layer.new.weight.grad.any()


@pytest.mark.parametrize("layer", [average(), ssru()], ids=["average", "ssru"])
def test_what_is_known_of_the_past_is_not_rounded(layer):
    """A sum of ones in bfloat16 stops at 256."""
    layer.bfloat16()
    past = layer.start(torch.zeros(1, 1).bfloat16(), 1)
    assert past.dtype == torch.float32 and layer(X.bfloat16()).dtype == torch.bfloat16
