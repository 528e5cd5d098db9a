"""Loss spikes: seen when they come, and not where there are none."""

import random
import statistics

import pytest

from nmt.training.spikes import DECAY, WARMUP, Usual


def usual_after(losses) -> Usual:
    usual = Usual()
    for loss in losses:
        usual = usual.after(loss)
    return usual


def test_mean_and_variance_are_the_weighted_ones():
    losses = [3.0, 2.0, 4.0, 2.5]
    weights = [DECAY**3, (1 - DECAY) * DECAY**2, (1 - DECAY) * DECAY, 1 - DECAY]
    mean = sum(weight * loss for weight, loss in zip(weights, losses, strict=True))
    variance = sum(weight * (loss - mean) ** 2 for weight, loss in zip(weights, losses, strict=True))
    usual = usual_after(losses)
    assert (usual.mean, usual.variance, usual.count) == (pytest.approx(mean), pytest.approx(variance), 4)


def test_noise_is_no_spike_and_a_jump_is():
    draw = random.Random(1)
    losses = [6 - step / 500 + draw.gauss(0, 0.15) for step in range(1000)]
    usual = Usual()
    for loss in losses:
        assert not usual.is_spike(loss)
        usual = usual.after(loss)
    assert usual.mean == pytest.approx(statistics.mean(losses[-50:]), abs=0.15)
    assert usual.is_spike(usual.mean + 2) and not usual.is_spike(usual.mean - 2)


def test_nothing_is_unusual_at_first():
    assert not usual_after([2.0] * (WARMUP - 1)).is_spike(100.0)
    assert usual_after([2.0] * WARMUP).is_spike(100.0)
