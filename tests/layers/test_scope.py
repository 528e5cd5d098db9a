"""Windows, Gaussians and draws by hand."""

import math

import pytest
import torch
from torch import tensor

from nmt.layers.scope import Scope, draw

MASK = tensor([[[True, True, True, False, False]]])  # three positions and padding
FLAT = torch.zeros(1, 1, 5, dtype=torch.float64)


def weights_at(position: int, window: int) -> list[float]:
    scope = Scope("local_monotonic", window, 2)
    weights, choice = scope("softmax", FLAT, None, MASK, tensor([[position]]))
    assert choice is None
    return weights[0, 0].tolist()


def test_a_monotonic_window_goes_with_the_target_and_stays_in_the_source():
    assert weights_at(0, 1) == [0.5, 0.5, 0, 0, 0]
    assert weights_at(1, 1) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0, 0])
    assert weights_at(2, 1) == weights_at(3, 1) == weights_at(100, 1) == [0, 0.5, 0.5, 0, 0]
    assert weights_at(0, 100) == weights_at(100, 100) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0, 0])


def test_each_hypothesis_has_a_window_of_its_own():
    weights, _ = Scope("local_monotonic", 1, 2)("softmax", FLAT.expand(1, 2, 5), None, MASK, tensor([[0, 2]]))
    assert weights.tolist() == [[[0.5, 0.5, 0, 0, 0], [0, 0.5, 0.5, 0, 0]]]


def predictive(window: int) -> Scope:
    scope = Scope("local_predictive", window, 2).double()
    scope.hidden.weight.data, scope.v.data = torch.eye(2).double(), tensor([2 * math.log(2), 0.0]).double()
    return scope


STATE = tensor([[[100.0, 0.0]]]).double()  # tanh 1, and so sigmoid(log 2) = 2/3


def test_a_predicted_window_has_a_gaussian_in_it():
    assert predictive(1).predict(STATE, MASK.sum(-1)).item() == pytest.approx(2.0)  # 2/3 of the real length
    middle = torch.zeros_like(STATE)  # p_t = 1.5
    weights, _ = predictive(2)("softmax", FLAT, middle, MASK, None)
    expected = [math.exp(-(away**2) / 2) / 3 for away in (1.5, 0.5, 0.5)]  # sigma = 1
    assert weights[0, 0].tolist() == pytest.approx([*expected, 0, 0])
    weights, _ = predictive(1)("softmax", FLAT, middle, MASK, None)
    assert weights[0, 0].tolist() == pytest.approx([0, math.exp(-0.5) / 2, math.exp(-0.5) / 2, 0, 0])  # sigma = 1/2


def test_a_predicted_position_is_not_rounded():
    """In bfloat16 there would be 150 places in a source of 250."""
    torch.manual_seed(1)
    scope, states = Scope("local_predictive", 2, 64).bfloat16(), torch.randn(1, 2000, 64).bfloat16()
    scope.v.data.mul_(20)
    assert scope.predict(states, tensor([[250]])).unique().numel() > 1000


@pytest.mark.parametrize("length", [1, 2, 7])
@pytest.mark.parametrize("extreme", [-1e4, 1e4])
def test_a_predicted_window_is_never_empty(length, extreme):
    scope = predictive(1)
    scope.v.data *= extreme
    mask = (torch.arange(9) < length)[None, None]
    weights, _ = scope("softmax", torch.zeros(1, 1, 9).double(), STATE, mask, None)
    assert weights[0, 0, 0 if extreme < 0 else length - 1] > 0 and not weights[..., length:].any()


def test_where_to_look_is_learned():
    scope, state = predictive(3), torch.randn(1, 2, 2, dtype=torch.float64, requires_grad=True)
    energy = torch.randn(1, 2, 5, dtype=torch.float64, requires_grad=True)
    inputs = [state, energy, *scope.parameters()]
    assert torch.autograd.gradcheck(lambda state, energy, *_: scope("softmax", energy, state, MASK, None)[0], inputs)


ENERGY = tensor([[[0.0, math.log(3), math.log(6), 99.0, 99.0]]]).double()  # 0.1, 0.3 and 0.6


def test_hard_attention_takes_the_likeliest_position_in_evaluation():
    weights, drawn = Scope("hard", 1, 2).eval()("softmax", ENERGY, None, MASK, None)
    assert weights.tolist() == [[[0, 0, 1, 0, 0]]] and drawn is None


def test_hard_attention_draws_in_training():
    energy = ENERGY.expand(1, 20_000, 5).clone().requires_grad_()
    torch.manual_seed(1)
    weights, drawn = Scope("hard", 1, 2)("softmax", energy, None, MASK, None)
    assert ((weights == 0) | (weights == 1)).all() and (weights.sum(-1) == 1).all() and not weights.requires_grad
    expected = tensor([0.1, 0.3, 0.6, 0, 0]).double()
    torch.testing.assert_close(weights.mean((0, 1)), expected, atol=0.015, rtol=0)  # 4 standard deviations
    torch.testing.assert_close(drawn.log_probability, (weights @ expected).log())
    (gradient,) = torch.autograd.grad(drawn.log_probability[0, 0], energy)
    torch.testing.assert_close(gradient[0, 0], weights[0, 0] - expected)  # of log softmax
    torch.manual_seed(1)
    assert torch.equal(weights, Scope("hard", 1, 2)("softmax", energy, None, MASK, None)[0])


def test_what_is_impossible_is_never_drawn_and_what_is_no_number_is_no_fault():
    assert (draw(tensor([0.0, 1e-30, 0.0]).expand(10_000, 3)) == 1).all()
    assert draw(tensor([[math.nan, math.nan]])).shape == (1, 1)
