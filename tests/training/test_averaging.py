"""Averages against their definition, written with plain numbers."""

import pytest
import torch

from nmt.config import TrainingConfig
from nmt.training.averaging import Average, mean


def test_ema_is_the_recurrence_in_the_docstring():
    weights = {"w": torch.tensor([2.0])}
    average = Average(weights, TrainingConfig(average="ema", ema_decay=0.5))
    expected = 2.0
    for step, value in enumerate([4.0, 8.0, -2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 3.0], 1):
        weights["w"].fill_(value)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
        assert average.current()["w"].item() == pytest.approx(expected)
    assert weights["w"].item() == 3.0


def test_last_is_the_mean_of_the_last_evaluations_weights():
    weights = {"w": torch.tensor([0.0]), "v": torch.tensor([[0.0]])}
    average = Average(weights, TrainingConfig(average="last", average_last=3))
    means = []
    for value in [1.0, 3.0, 8.0, 10.0]:
        weights["w"].fill_(value)
        weights["v"].fill_(-value)
        average.update(1)
        assert average.current()["w"] == average.current()["w"]  # asking changes nothing
        means.append(average.current()["w"].item())
        assert average.current()["v"].item() == -means[-1]
        average.evaluated()
    assert means == [1.0, 2.0, 4.0, 7.0]


def test_none_is_the_weights_themselves():
    weights = {"w": torch.tensor([1.0])}
    assert Average(weights, TrainingConfig(average="none")).current()["w"] is weights["w"]


@pytest.mark.parametrize("kind", ["none", "ema", "last"])
def test_the_state_brings_an_average_back(kind):
    config = TrainingConfig(average=kind, average_last=3)
    weights = {"w": torch.tensor([1.0, 2.0]), "v": torch.tensor([3.0])}
    average = Average(weights, config)
    for step in range(1, 6):
        for tensor in weights.values():
            tensor.add_(step)
        average.update(step)
        average.evaluated()
    again = Average(weights, config)
    again.load({name: tensor.clone() for name, tensor in average.state().items()}, name="x")
    weights["w"].add_(1)
    for each in (average, again):
        each.update(6)
    torch.testing.assert_close(again.current(), average.current(), rtol=0, atol=0)


def test_the_mean_leaves_its_points_alone():
    points = [{"w": torch.tensor([1.0])}, {"w": torch.tensor([2.0])}]
    assert mean(points)["w"].item() == 1.5
    assert [point["w"].item() for point in points] == [1.0, 2.0]
