"""Checks of what scores hide, and the lines to look at, as `nmt eval` shows them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nmt.analysis.grid import grid

if TYPE_CHECKING:
    from nmt.evaluation.checks import Checks, Worst
    from nmt.evaluation.compare import Comparison


def table(comparison: "Comparison") -> str:
    """One row per system, one column per check that the test set has something for."""
    from nmt.evaluation import checks

    names = ["system", *(system.name for system in comparison.systems)]
    return grid([[name, *row] for name, row in zip(names, checks.as_rows(comparison.checks), strict=True)])


def worst(comparison: "Comparison") -> list[str]:
    """The lines to look at, a block per system; none unless they were asked for."""
    pairs = zip(comparison.systems, comparison.worst, strict=True)
    return [_block(system.name, lines) for system, lines in pairs if lines]


def _block(name: str, lines: Sequence["Worst"]) -> str:
    return "\n\n".join([f"lines to look at, {name}", *map(_line, lines)])


def _line(found: "Worst") -> str:
    texts = [("source", found.source), *(("reference", text) for text in found.references)]
    rows = [(f"line {found.line:,}:", ", ".join([*found.faults, f"chrF {found.chrf:.1f}"]))]
    rows += [(f"  {name:<10} ", text) for name, text in [*texts, ("hypothesis", found.hypothesis)] if text is not None]
    return "\n".join(f"{name} {text}" for name, text in rows)


def as_json(checks: "Checks", lines: Sequence["Worst"]) -> dict:
    """Both for programs."""
    counted = {name: value._asdict() if isinstance(value, tuple) else value for name, value in checks._asdict().items()}
    return {"checks": counted, "worst": [each._asdict() for each in lines]}
