"""Softmax: the operations for short rows against torch's kernel."""

import math

import pytest
import torch

from nmt.layers.softmax import SHORT, softmax


@pytest.mark.parametrize("length", [1, 3, SHORT - 1, SHORT, SHORT + 5])
def test_softmax_is_torchs(length):
    x = torch.randn(4, 3, length, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(softmax(x), x.softmax(-1))
    assert torch.autograd.gradcheck(softmax, [x])


def test_softmax_of_large_and_masked_numbers():
    weights = softmax(torch.tensor([[1e4, 1e4 - math.log(3), -math.inf]], dtype=torch.float64))
    torch.testing.assert_close(weights, torch.tensor([[0.75, 0.25, 0]], dtype=torch.float64))


@pytest.mark.parametrize("length", [SHORT - 1, SHORT])
def test_softmax_is_not_computed_in_less_than_float32(length):
    x = torch.randn(5, length).bfloat16()
    assert softmax(x).dtype == torch.float32
    torch.testing.assert_close(softmax(x), x.float().softmax(-1))
