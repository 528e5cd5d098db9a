"""Learning rates at points where the formula can be worked out by hand."""

import math

import pytest

from nmt.config import TrainingConfig
from nmt.training.schedule import Plateau, learning_rate


def rate(step: int, **settings) -> float:
    return learning_rate(TrainingConfig(**{"lr": 0.8, "warmup": 100, "steps": 10_000, **settings}), step)


@pytest.mark.parametrize("schedule", ["inverse_sqrt", "cosine", "plateau", "constant"])
def test_the_warm_up_is_linear_and_ends_at_the_peak(schedule):
    assert rate(1, schedule=schedule) == pytest.approx(0.008)
    assert rate(50, schedule=schedule) == pytest.approx(0.4)
    assert rate(100, schedule=schedule) == pytest.approx(0.8)


def test_inverse_sqrt_halves_when_the_step_quadruples():
    assert rate(400, schedule="inverse_sqrt") == pytest.approx(0.4)
    assert rate(1600, schedule="inverse_sqrt") == pytest.approx(0.2)


def test_cosine_is_half_way_in_the_middle_and_ends_at_the_lowest_rate():
    settings = {"schedule": "cosine", "horizon": 1100, "min_lr": 0.2}
    assert rate(600, **settings) == pytest.approx(0.5)
    assert rate(350, **settings) == pytest.approx(0.2 + 0.6 * (1 + math.sqrt(0.5)) / 2)
    assert rate(1100, **settings) == rate(9999, **settings) == pytest.approx(0.2)


def test_cosine_without_a_horizon_reaches_the_end_with_the_last_step():
    assert rate(1000, schedule="cosine", steps=1000) == pytest.approx(0.0)
    assert rate(1000, schedule="cosine", steps=1000, horizon=2000) > 0.3


@pytest.mark.parametrize("schedule", ["inverse_sqrt", "cosine", "plateau", "constant"])
def test_without_warm_up_the_peak_comes_first(schedule):
    assert rate(1, schedule=schedule, warmup=0, steps=10**6) == pytest.approx(0.8)


def test_no_rate_falls_below_the_lowest():
    assert rate(10**9, schedule="inverse_sqrt", min_lr=0.01) == 0.01


def test_plateau_cuts_when_nothing_better_came_for_long_enough_and_then_waits_anew():
    config = TrainingConfig(lr=0.8, warmup=0, schedule="plateau", plateau_factor=0.5, plateau_patience=2, min_lr=0.15)
    state, rates = Plateau(), []
    for better in [True, False, True, False, False, False, False, False, False]:
        state = state.after(better, config)
        rates.append(learning_rate(config, 1000, state))
    assert rates == pytest.approx([0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.15])
    tenth = Plateau().after(False, TrainingConfig(schedule="plateau", plateau_factor=0.1, plateau_patience=1))
    assert tenth.multiplier == 0.1


def test_plateau_with_the_least_patience_cuts_at_once():
    config = TrainingConfig(schedule="plateau", plateau_patience=1)
    assert Plateau().after(False, config).multiplier == 0.5


def test_a_horizon_before_the_last_update_is_reported():
    settings = {"schedule": "cosine", "steps": 200, "horizon": 100, "warmup": 10}
    config = TrainingConfig(**settings)
    assert list(config.idle()) == ["steps: 200 is too large: the rate is 0 after update 100, the horizon"]
    assert [learning_rate(config, step) > 0 for step in (99, 101)] == [True, False]
    assert not list(TrainingConfig(**settings, min_lr=1e-5).idle())
    assert not list(TrainingConfig(schedule="cosine", steps=200, warmup=10).idle())


def test_an_average_of_more_evaluations_than_there_will_be_is_reported():
    settings = {"steps": 1000, "evaluate_every": 300, "average": "last"}
    expected = "average_last: 5 is more than the number of evaluations, 4"
    assert [list(TrainingConfig(**settings, average_last=last).idle()) for last in (4, 5)] == [[], [expected]]


@pytest.mark.parametrize(("steps", "warmup"), [(10, 1), (500, 50), (10_000, 1_000)])
def test_a_share_is_a_share_of_the_steps(steps, warmup):
    config = TrainingConfig(steps=steps, warmup=0.1, evaluate_every=0.05)
    assert (config.warmup_updates, config.evaluation_interval) == (warmup, max(1, steps // 20))
    assert learning_rate(config, warmup) == config.lr
    assert learning_rate(config, steps) == 0 and not list(config.idle())


def test_numbers_stay_numbers():
    config = TrainingConfig(steps=500, warmup=40, evaluate_every=30)
    assert (config.warmup_updates, config.evaluation_interval) == (40, 30)
