"""Sizes that fit into a number of minutes: bounds on a made-up machine, and a measured one that holds."""

import pytest
import torch

from nmt.config import Config, check
from nmt.data import sizes
from nmt.training import budget
from nmt.training.budget import Pace, Text, plan

TEXT = Text(vocabulary=300, pieces=12.0, dev_pairs=50)
CPU = torch.device("cpu")


def draft(size: sizes.Sizes) -> Config:
    value = {
        "run": "run", "data": {"source_language": "a", "target_language": "b", "train": {"tsv": "x"},
                               "dev": {"held_out": 5}},
        "model": {"type": "gru", "embedding": size.width // 2, "hidden": size.width},
        "training": {"steps": size.steps, "batch_tokens": size.batch_tokens, "precision": "float32"},
    }  # fmt: skip
    return check(Config, value, name="draft")


@pytest.fixture
def wanted():
    return sizes.fit("gru", pairs=20_000, pieces=12.0, types=10**6)


def planned(wanted, minutes):
    return plan("gru", wanted, TEXT, draft=draft, device=CPU, minutes=minutes)


def test_time_on_a_made_up_machine(wanted, monkeypatch):
    """An update takes a millisecond per unit of width, an evaluation a second."""
    monkeypatch.setattr(budget, "measure", lambda config, text, device: Pace(config.model.hidden / 1000, 1.0))
    whole = wanted.steps * wanted.width / 1000 + sizes.EVALUATIONS
    assert planned(wanted, None) == (wanted, pytest.approx(whole))
    assert planned(wanted, whole)[0] == wanted  # as many minutes as seconds are needed
    for minutes in (0.5 * whole / 60, 0.2 * whole / 60, 0.01):
        found, seconds = planned(wanted, minutes)
        assert seconds <= 60 * minutes or (found.width, found.steps) == (sizes.TABLE["gru"][0].width, 1)
        assert found.passes / found.steps == pytest.approx(wanted.passes / wanted.steps)
    half = planned(wanted, 0.5 * whole / 60)[0]
    assert half.width == wanted.width and half.steps < wanted.steps
    assert planned(wanted, 0.05 * whole / 60)[0].width < wanted.width


def test_a_larger_model_and_larger_batches_take_longer(wanted):
    small, large = (budget.measure(draft(wanted._replace(width=width)), TEXT, CPU) for width in (64, 256))
    assert 0 < small.update < large.update and 0 < small.evaluation < large.evaluation
    more = budget.measure(draft(wanted._replace(width=64, batch_tokens=4096)), TEXT, CPU)
    assert more.update > 2 * small.update
