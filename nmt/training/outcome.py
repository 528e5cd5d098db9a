"""How a training ended, from its learning curves: still improving, overfitting, or with outputs that are all alike."""

import math
from collections.abc import Sequence
from typing import Literal

from nmt.analysis.runs import Evaluation, Log
from nmt.training.validation import is_better

Verdict = Literal["alike", "overfitting", "improving"]

ALIKE = 0.5
"""Share of one and the same translation among the development translations that makes a training a failed one."""
FEWEST = 4
"""Fewest evaluations from which curves are judged."""
RISE = 0.02
"""Overfitting: share by which the development loss has risen since its lowest value."""
LAST_PART, GAIN = 0.25, {"loss": 0.02, "bleu": 1.0, "chrf": 1.0}
"""Still improving: what the last quarter of the updates gained, for the loss as a share of it."""


def judge(log: Log, *, measure: str, alike: float) -> tuple[Verdict, ...]:
    """Judge a finished training by its curves.

    `measure` chooses the best checkpoint, and `alike` is the share of the most frequent development translation.
    """
    if alike > ALIKE:
        return ("alike",)
    course = [each for each in log.evaluations if math.isfinite(each.loss)]
    if len(course) < FEWEST:
        return ()
    verdicts: list[Verdict] = []
    if _has_overfitted(course, log):
        verdicts.append("overfitting")
    elif _improves(course, measure):
        verdicts.append("improving")
    return tuple(verdicts)


def _has_overfitted(course: Sequence[Evaluation], log: Log) -> bool:
    """Whether the development loss rose while the training loss fell."""
    lowest = min(course, key=lambda each: each.loss)
    before = [each.loss for each in log.progress if each.step <= lowest.step]
    if not before or course[-1].loss < (1 + RISE) * lowest.loss:
        return False
    return log.progress[-1].loss < before[-1]


def _improves(course: Sequence[Evaluation], measure: str) -> bool:
    """Whether the last evaluation is the best, and the last part of the updates brought much."""
    values = [getattr(each, measure) for each in course]
    last = course[-1]
    if any(not is_better(values[-1], value, measure) for value in values[:-1]):
        return False
    before = [value for each, value in zip(course, values, strict=True) if each.step <= (1 - LAST_PART) * last.step]
    if not before:
        return False
    gain = before[-1] - values[-1] if measure == "loss" else values[-1] - before[-1]
    return gain > GAIN[measure] * (values[-1] if measure == "loss" else 1)
