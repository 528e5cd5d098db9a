"""The study's tables: what each variant reached, and which differences are sure.

A difference to the first variant of a table is called sure when the paired bootstrap over sentences (Koehn 2004) finds
p < 0.05 in the runs of each seed that both have, and when it is larger than what seeds do in 95 of 100 cases,

    t s sqrt(1 / n_1 + 1 / n_2),    s^2 = sum_v (n_v - 1) s_v^2 / f,    f = sum_v (n_v - 1),

t from Student's distribution for f degrees of freedom, so that neither the choice of test sentences nor that of the
seed explains it. The variance between seeds is that of all variants v which were trained from several seeds: two or
three runs tell little of a variance, and so also a variant of one seed has its error. Where no variant has several
seeds nothing is sure.
"""

import json
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from statistics import mean, stdev, variance
from typing import Any, NamedTuple

from kinds import TABLES, Table, Variant, variants

from nmt import files
from nmt.errors import NMTError
from nmt.evaluation import metrics

Facts = dict[str, Any]
"""What measure.py writes of a run."""
Found = dict[Variant, dict[int, Facts]]
"""By variant and seed."""

SURE = 0.05
"""The largest p of a difference that is sure."""
STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)
"""t of 95% (two-sided), for 1, 2, ... degrees of freedom; the last one also for more."""


class Deviation(NamedTuple):
    """Between seeds."""

    value: float
    """s, in BLEU."""
    freedom: int
    """f"""

    def __str__(self) -> str:
        return f"{self.value:.2f} BLEU ({self.freedom} degrees of freedom)"

    def least(self, *runs: int) -> float:
        """The least difference that is sure between means of so many runs."""
        t = STUDENT[min(self.freedom, len(STUDENT)) - 1]
        return t * self.value * sqrt(sum(1 / each for each in runs))


def read(root: Path, seeds: Sequence[int]) -> Found:
    """The runs that are finished."""
    found = {}
    for variant in variants():
        paths = {seed: facts_path(root, variant, seed) for seed in seeds}
        there = {seed: json.loads(path.read_text("utf-8")) for seed, path in paths.items() if path.exists()}
        if there:
            found[variant] = there
    return found


def facts_path(root: Path, variant: Variant, seed: int) -> Path:
    """Where the facts about a run are, beside its folder."""
    folder = root / variant.run(seed)
    return folder.with_name(f"{folder.name}.json")


def write(root: Path, seeds: Sequence[int]) -> Path:
    """All tables, as far as their runs are finished, into runs/attention/report.md."""
    found = read(root, seeds)
    if not found:
        raise NMTError("no run of the study is finished", hint="python scripts/study trains them")
    deviation = between_seeds(found)
    tables = [table_text(table, found, deviation) for table in TABLES if table.variants[0] in found]
    text = "\n".join([f"Deviation between seeds: {deviation or 'no variant has several'}\n", *tables])
    path = root / "runs/attention/report.md"
    files.write_text(path, text)
    return path


def between_seeds(found: Found) -> Deviation | None:
    """None where no variant was trained from several seeds."""
    several = [[each["bleu"] for each in runs.values()] for runs in found.values() if len(runs) > 1]
    freedom = sum(len(scores) - 1 for scores in several)
    squares = sum((len(scores) - 1) * variance(scores) for scores in several)
    return Deviation(sqrt(squares / freedom), freedom) if several else None


def table_text(table: Table, found: Found, deviation: Deviation | None) -> str:
    """A table in Markdown."""
    base, *others = (variant for variant in table.variants if variant in found)
    lines = [
        f"## {table.title}", "",
        "| variant | settings | seeds | parameters | development loss | BLEU | difference | p | sure | entropy |",
        "|---|---|--:|--:|--:|--:|--:|---|---|--:|",
    ]  # fmt: skip
    for variant in (base, *others):
        facts = list(found[variant].values())
        compared = ("", "", "") if variant is base else _compared(found[base], found[variant], deviation)
        entropy = [each["entropy"] for each in facts if each["entropy"] is not None]
        lines.append("| " + " | ".join((
            variant.name if variant.config == base.config else variant.config,
            ", ".join(each.removeprefix("model.") for each in variant.settings), str(len(facts)),
            f"{facts[0]['parameters'] / 1e6:.2f} M", _spread([each["loss"] for each in facts], 3),
            _spread([each["bleu"] for each in facts], 2), *compared, f"{mean(entropy):.2f}" if entropy else "",
        )) + " |")  # fmt: skip
    return "\n".join(lines) + "\n"


def _compared(base: dict[int, Facts], other: dict[int, Facts], deviation: Deviation | None) -> tuple[str, str, str]:
    """Difference of the means, p of each seed that both have, and verdict."""
    seeds = [seed for seed in base if seed in other]
    before, after = ([each["bleu"] for each in runs.values()] for runs in (base, other))
    difference, p_values = mean(after) - mean(before), [_p(base[seed], other[seed]) for seed in seeds]
    least = None if deviation is None else deviation.least(len(before), len(after))
    verdict = "yes" if is_sure(difference, least, p_values) else "no"
    return f"{difference:+.2f}", " ".join(f"{p:.3f}" for p in p_values), verdict


def is_sure(difference: float, least: float | None, p_values: Sequence[float]) -> bool:
    """Whether neither the choice of seeds nor that of sentences explains a difference between two variants' scores."""
    return least is not None and abs(difference) > least and len(p_values) > 0 and max(p_values) < SURE


def _p(base: Facts, other: Facts) -> float:
    """Of a difference as large between equals."""
    outputs = [base["hypotheses"], other["hypotheses"]]
    return metrics.significance(metrics.named("bleu"), outputs, [base["references"]], test="bs").p_values[1]


def _spread(values: Sequence[float], digits: int) -> str:
    """Mean and, of several, the deviation."""
    text = f"{mean(values):.{digits}f}"
    return f"{text} ± {stdev(values):.{digits}f}" if len(values) > 1 else text
