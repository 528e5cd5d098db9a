"""The study's tables: what each variant reached, and which differences are sure.

A difference to the first variant of a table is called sure when the paired bootstrap over sentences (Koehn 2004) finds
p < 0.05 in the runs of each seed, and when it is larger than twice its standard error between seeds,

    2 sqrt(s_1^2 / n_1 + s_2^2 / n_2),    s the deviation of n seeds' scores,

so that neither the choice of test sentences nor that of the seed explains it. One seed alone makes nothing sure.
"""

import json
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from kinds import TABLES, Table, Variant

from nmt import files
from nmt.evaluation import metrics

Facts = dict[str, Any]
"""What measure.py writes of a run."""
Found = dict[Variant, dict[int, Facts]]
"""By variant and seed."""


def read(root: Path, seeds: Sequence[int]) -> Found:
    """The runs that are finished."""
    found = {}
    for variant in dict.fromkeys(each for table in TABLES for each in table.variants):
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
    text = "\n".join(table_text(table, found) for table in TABLES if table.variants[0] in found)
    path = root / "runs/attention/report.md"
    files.write_text(path, text)
    return path


def table_text(table: Table, found: Found) -> str:
    """A table in Markdown."""
    base, *others = (variant for variant in table.variants if variant in found)
    lines = [
        f"## {table.title}", "",
        "| variant | settings | seeds | parameters | development loss | BLEU | difference | p | sure | entropy |",
        "|---|---|--:|--:|--:|--:|--:|---|---|--:|",
    ]  # fmt: skip
    for variant in (base, *others):
        facts = list(found[variant].values())
        compared = ("", "", "") if variant is base else _compared(found[base], found[variant])
        entropy = [each["entropy"] for each in facts if each["entropy"] is not None]
        lines.append("| " + " | ".join((
            variant.name if variant.config == base.config else variant.config,
            ", ".join(each.removeprefix("model.") for each in variant.settings), str(len(facts)),
            f"{facts[0]['parameters'] / 1e6:.2f} M", _spread([each["loss"] for each in facts], 3),
            _spread([each["bleu"] for each in facts], 2), *compared, f"{mean(entropy):.2f}" if entropy else "",
        )) + " |")  # fmt: skip
    return "\n".join(lines) + "\n"


def _compared(base: dict[int, Facts], other: dict[int, Facts]) -> tuple[str, str, str]:
    """Difference, p of each seed and verdict, from the seeds that both have."""
    seeds = [seed for seed in base if seed in other]
    if not seeds:
        return "", "", ""
    before, after = ([runs[seed]["bleu"] for seed in seeds] for runs in (base, other))
    p_values = [_p(base[seed], other[seed]) for seed in seeds]
    verdict = "yes" if is_sure(before, after, p_values) else "no"
    return f"{mean(after) - mean(before):+.2f}", " ".join(f"{p:.3f}" for p in p_values), verdict


def is_sure(before: Sequence[float], after: Sequence[float], p_values: Sequence[float]) -> bool:
    """Whether a difference between the scores of two variants, seed by seed, is explained by no chance."""
    if len(before) < 2:
        return False
    error = sqrt((stdev(before) ** 2 + stdev(after) ** 2) / len(before))
    return abs(mean(after) - mean(before)) > 2 * error and max(p_values) < 0.05


def _p(base: Facts, other: Facts) -> float:
    """Of a difference as large between equals."""
    outputs = [base["hypotheses"], other["hypotheses"]]
    options = {"lowercase": False, "tokenize": "13a", "test": "bs"}
    return metrics.significance("bleu", outputs, base["references"], **options).p_values[1]


def _spread(values: Sequence[float], digits: int) -> str:
    """Mean and, of several, the deviation."""
    text = f"{mean(values):.{digits}f}"
    return f"{text} ± {stdev(values):.{digits}f}" if len(values) > 1 else text
