"""Cumulative sums of a fixed order against torch's."""

import pytest
import torch

from nmt.layers.cumulative import doubling_sum


@pytest.mark.parametrize("length", [1, 2, 7, 64, 100])
def test_doubling_is_the_sum_and_its_gradient(length):
    x = torch.randn(3, length, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(3, length, dtype=torch.float64)
    ours, its = ((each * weights).sum() for each in (doubling_sum(x), x.cumsum(-1)))
    torch.testing.assert_close(doubling_sum(x), x.cumsum(-1))
    torch.testing.assert_close(torch.autograd.grad(ours, x), torch.autograd.grad(its, x))
