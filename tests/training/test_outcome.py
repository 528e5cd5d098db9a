"""Verdicts on learning curves whose shape is known, and on real trainings."""

import math

import pytest
from copy_task import config_of, write_text

from nmt.analysis.runs import Evaluation, Log, Progress
from nmt.training import train
from nmt.training.outcome import judge
from nmt.training.validation import alike


def log_of(dev: list[float], *, training: list[float] | None = None, bleu: list[float] | None = None) -> Log:
    """Evaluations after 100, 200, ... updates; the training loss falls unless it is given."""
    training = training or [5 - 0.1 * number for number in range(len(dev))]
    bleu = bleu or [0.0] * len(dev)
    steps = range(100, 100 * len(dev) + 1, 100)
    course = [
        Evaluation(step, 0.0, loss, score, 2 * score, False, None)
        for step, loss, score in zip(steps, dev, bleu, strict=True)
    ]
    return Log([Progress(step, 0.0, loss, 1.0) for step, loss in zip(steps, training, strict=True)], course, [])


@pytest.mark.parametrize(
    ("dev", "verdicts"),
    [
        ([5.0, 4.0, 3.5, 3.2, 3.0, 2.8, 2.6, 2.4], ("improving",)),
        ([5.0, 4.0, 3.0, 2.50, 2.49, 2.48, 2.47, 2.47], ()),  # converged
        ([5.0, 3.0, 2.5, 2.4, 2.5, 2.7, 2.9, 3.1], ("overfitting",)),
        ([5.0, 3.0, 2.5, 2.40, 2.41, 2.42, 2.42, 2.42], ()),  # no more than noise
        ([5.0, 4.0, 3.0], ()),  # too few to judge
        ([5.0, math.nan, 3.0, math.inf], ()),
    ],
)
def test_the_development_loss_tells_how_a_training_ended(dev, verdicts):
    assert judge(log_of(dev), measure="loss", alike=0.0) == verdicts


def test_a_loss_that_rises_together_with_that_in_training_is_no_overfitting():
    dev = [5.0, 3.0, 2.5, 2.4, 2.9, 3.1]
    assert judge(log_of(dev, training=[5.0, 3.5, 3.0, 2.9, 3.4, 3.6]), measure="loss", alike=0.0) == ()


@pytest.mark.parametrize(("measure", "last", "verdicts"), [
    ("bleu", 25.0, ("improving",)), ("bleu", 20.4, ()), ("chrf", 20.7, ("improving",)), ("bleu", 19.0, ()),
])  # fmt: skip
def test_scores_count_where_they_choose_the_checkpoint(measure, last, verdicts):
    dev = [5.0, 4.0, 3.50, 3.49, 3.48]
    log = log_of(dev, bleu=[1.0, 10.0, 20.0, 20.0, last])
    assert judge(log, measure=measure, alike=0.0) == verdicts


def test_outputs_that_are_alike_are_the_first_thing_to_report():
    assert judge(log_of([5.0, 4.0, 3.0, 2.0, 1.0]), measure="loss", alike=0.9) == ("alike",)


@pytest.mark.parametrize(("hypotheses", "references", "share"), [
    (["a", "a", "a", "b"], ["c", "d", "e", "f"], 0.75),
    (["a", "a", "a", "b"], ["a", "a", "a", "f"], 0.0),  # the text is like that
    (["a", "b"], ["c", "d"], 0.5),
    (["a"], ["b"], 0.0),
])  # fmt: skip
def test_the_share_of_the_most_frequent_translation(hypotheses, references, share):
    assert alike(hypotheses, references) == share


def test_a_training_without_rate_has_failed(tmp_path):
    write_text(tmp_path, pairs=40)
    training = {"steps": 4, "evaluate_every": 2, "lr": 1e-12, "batch_tokens": 100}
    finished = train(config_of(tmp_path, training=training))
    assert finished.verdicts == ("alike",)


def test_few_pairs_and_many_updates_overfit(tmp_path):
    write_text(tmp_path, pairs=20)
    training = {"steps": 160, "evaluate_every": 20, "log_every": 10, "batch_tokens": 200, "schedule": "constant"}
    config = config_of(tmp_path, training=training, model={"dropout": 0.0})
    for resume in (False, True):
        assert train(config, resume=resume).verdicts == ("overfitting",)
