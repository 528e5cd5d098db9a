"""Runs beside each other before anything is measured: which differ in their seed alone, and where the others differ."""

import os
from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any, NamedTuple

from nmt.analysis.runs import SEED, Run


class Group(NamedTuple):
    """Runs of one configuration, whose seeds alone differ."""

    name: str
    members: list[int]
    """Their places among the runs."""


class Spread(NamedTuple):
    """What several seeds gave."""

    mean: float
    deviation: float | None
    """Of the sample: sqrt(sum (x - mean)^2 / (n - 1)); None for one value."""
    count: int


class Difference(NamedTuple):
    """A setting in which runs differ."""

    name: str
    values: list[Any]
    """One a run; MISSING where a model has no such setting."""


MISSING = "–"


def groups(runs: Sequence[Run]) -> list[Group]:
    """In the order of their first members. No configuration has a seed twice, as a model and its export would."""
    found: list[list[int]] = []
    for number, run in enumerate(runs):
        for members in found:
            others = [runs[member] for member in members]
            if _unseeded(others[0]) == _unseeded(run) and all(_seed(other) != _seed(run) for other in others):
                members.append(number)
                break
        else:
            found.append([number])
    return [Group(_name([runs[number].name for number in members]), members) for members in found]


def _unseeded(run: Run) -> tuple:
    """All that runs of one configuration share."""
    return run.exported, run.text, {key: value for key, value in run.settings.items() if key != SEED}


def _seed(run: Run) -> int:
    return run.settings.get(SEED, run.card["seed"])


def _name(names: list[str]) -> str:
    """What the names begin with, without the number of the seed."""
    if len(names) == 1:
        return names[0]
    common = os.path.commonprefix(names).removesuffix("seed").rstrip("-_./ ")  # noqa: RUF071 (names, not paths)
    return common if common.rpartition("/")[2] else names[0]


def spread(values: Sequence[float]) -> Spread:
    """Mean and deviation of at least one value."""
    return Spread(mean(values), stdev(values) if len(values) > 1 else None, len(values))


def differences(runs: Sequence[Run]) -> list[Difference]:
    """Text and pieces first, then the settings; the model's last, as that is what is compared."""
    found = []
    for sections in ([run.text for run in runs], [run.settings for run in runs]):
        for key in _keys(sections):
            values = [section.get(key, MISSING) for section in sections]
            if any(value != values[0] for value in values):
                found.append(Difference(key, values))
    return found


def _keys(settings: Sequence[dict[str, Any]]) -> list[str]:
    """Of all runs, each once, those of the model last."""
    keys = dict.fromkeys(key for each in settings for key in each)
    return sorted(keys, key=lambda key: key.startswith("model."))
