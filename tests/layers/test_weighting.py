"""Weightings by hand, and against slow searches for the threshold."""

import math
from typing import get_args

import pytest
import torch
from torch import tensor

from nmt.config.model import Weighting
from nmt.layers.weighting import weigh

NAMES = get_args(Weighting)
POWER = {"sparsemax": 1.0, "entmax15": 2.0}


def bisected(name: str, energy: torch.Tensor) -> torch.Tensor:
    """The oracle: alpha_j = max((a - 1) e_j - tau, 0)^(1 / (a - 1)) with the tau at which it sums to one."""
    power = POWER[name]
    x = energy / power
    low, high = x.amax(-1, keepdim=True) - 1, x.amax(-1, keepdim=True)
    for _ in range(200):
        middle = (low + high) / 2
        large = (x - middle).clamp_min(0).pow(power).sum(-1, keepdim=True) > 1
        low, high = torch.where(large, middle, low), torch.where(large, high, middle)
    return (x - low).clamp_min(0).pow(power)


@pytest.mark.parametrize(
    ("name", "energy", "expected"),
    [
        ("softmax", [0.0, math.log(3)], [0.25, 0.75]),
        ("sparsemax", [0.5, 0.1], [0.7, 0.3]),  # tau = (0.6 - 1) / 2
        ("sparsemax", [3.0, 1.0, 2.5], [0.75, 0.0, 0.25]),  # tau = (5.5 - 1) / 2
        ("sparsemax", [2.0, 1.0], [1.0, 0.0]),
        ("entmax15", [0.0, 0.0], [0.5, 0.5]),
        ("entmax15", [2.0, 0.0], [1.0, 0.0]),  # tau = 0
        ("entmax15", [1.6, 1.2, -1.0], [0.64, 0.36, 0.0]),  # tau = 0; roots 0.8 and 0.6
        ("sigmoid", [math.log(2), math.log(6)], [0.5, 0.75]),  # of log 1 and log 3
    ],
)
def test_weights_by_hand(name, energy, expected):
    torch.testing.assert_close(weigh(name, tensor(energy), None), tensor(expected))


@pytest.mark.parametrize("name", POWER)
@pytest.mark.parametrize("spread", [0.01, 1.0, 30.0])
def test_the_threshold_is_the_one_that_bisection_finds(name, spread):
    energy = spread * torch.randn(50, 23, dtype=torch.float64)
    energy[:, 5] = energy[:, 7]  # a tie
    torch.testing.assert_close(weigh(name, energy, None), bisected(name, energy), atol=1e-12, rtol=0)
    assert spread == 0.01 or (weigh(name, energy, None) == 0).any()


@pytest.mark.parametrize("name", NAMES)
def test_the_mask_leaves_what_there_would_be_without_the_rest(name):
    energy, mask = torch.randn(4, 3, 9, dtype=torch.float64), torch.rand(4, 1, 9) > 0.4
    mask[:, :, 0] = True
    weights = weigh(name, energy, mask, 0.7)
    assert not weights[~mask.expand_as(weights)].any()
    for row, seen in zip(range(4), mask[:, 0], strict=True):
        torch.testing.assert_close(weights[row][:, seen], weigh(name, 0.7 * energy[row][:, seen], None))


@pytest.mark.parametrize("name", NAMES)
def test_gradients(name):
    energy = torch.randn(4, 9, dtype=torch.float64, requires_grad=True)
    mask = tensor([True] * 6 + [False] * 3)
    assert torch.autograd.gradcheck(lambda x: weigh(name, x, mask, 1.3), [energy])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rough_numbers(name, dtype):
    """Computed in float32 whatever comes in, and padding is exactly zero however large the energies."""
    energy, mask = (50 * torch.randn(200, 40)).to(dtype), torch.arange(40) < 33
    weights = weigh(name, energy, mask)
    assert weights.dtype == dtype and not weights[:, 33:].any()
    torch.testing.assert_close(weights.float(), weigh(name, energy.double(), mask).float(), atol=4e-3, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_that_sees_nothing_stays_finite(name):
    energy = torch.randn(2, 5, requires_grad=True)
    weights = weigh(name, energy, tensor([[False] * 5, [True] * 5]))
    weights.square().sum().backward()
    assert weights.isfinite().all() and energy.grad.isfinite().all()
    torch.testing.assert_close(weights[1], weigh(name, energy[1], None))


@pytest.mark.parametrize("name", NAMES)
def test_equal_energies_share_about_one_whatever_the_length(name):
    for length in (1, 10, 1000):
        weights = weigh(name, torch.zeros(length, dtype=torch.float64), None)
        share = 1 / (length + 1) if name == "sigmoid" else 1 / length
        torch.testing.assert_close(weights, torch.full_like(weights, share))
