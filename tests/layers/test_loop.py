"""A time loop's shared matrices: the gradients that autograd finds step by step."""

import pytest
import torch
from torch import nn

from nmt.layers.loop import LoopLinear, loop, product, share


def _walk(step, state, steps=4):
    for _ in range(steps):
        state = step(state).tanh()
    return state.sum()


@pytest.mark.parametrize("batch", [(), (3,)])
def test_gradients_of_a_shared_matrix(batch):
    matrix = torch.randn(*batch, 5, 5, dtype=torch.float64, requires_grad=True)
    bias = None if batch else torch.randn(5, dtype=torch.float64, requires_grad=True)
    state = torch.randn(*batch, 2, 5, dtype=torch.float64, requires_grad=True)
    wanted = [each for each in (matrix, bias, state) if each is not None]
    shared = share(matrix, bias)
    ours = torch.autograd.grad(_walk(lambda x: product(x, shared), state), wanted)
    plain = torch.autograd.grad(_walk(lambda x: x @ matrix + (0 if bias is None else bias), state), wanted)
    torch.testing.assert_close(ours, plain)


def test_a_shared_gradient_is_summed_in_more_than_bfloat16():
    matrix = torch.ones(1, 1, dtype=torch.bfloat16, requires_grad=True)
    shared = share(matrix)
    one = torch.ones(1, 1, dtype=torch.bfloat16)
    sum(product(one, shared) for _ in range(600)).sum().backward()
    assert matrix.grad.item() == 600  # a sum in bfloat16 stops at 256


def test_linear_layers_share_within_a_loop_alone():
    layer = LoopLinear(5, 5).double()
    state = torch.randn(2, 3, 5, dtype=torch.float64)
    plain = torch.autograd.grad(_walk(layer, state), list(layer.parameters()))
    with pytest.raises(KeyError), loop(nn.Sequential(layer)):
        assert layer.shared is not None
        shared = torch.autograd.grad(_walk(layer, state), list(layer.parameters()))
        raise KeyError
    torch.testing.assert_close(shared, plain)
    assert layer.shared is None
