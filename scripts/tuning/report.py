"""The results as Markdown: a table for each corpus and family, the best settings first."""

from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from nmt import files

Result = dict[str, Any]
PARTS = (0.25, 0.5, 0.75, 1.0)
"""Shares of a run after which BLEU is shown."""


def write(results: list[Result], path: Path) -> str:
    """Write the report, and return it."""
    groups: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        groups[result["corpus"], result["family"]].append(result)
    sections = [_section(*names, groups[names]) for names in sorted(groups)]
    text = "\n\n".join(["# Tuning: development scores", *sections]) + "\n"
    files.write_text(path, text)
    return text


def _section(corpus: str, family: str, results: list[Result]) -> str:
    by_settings: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_settings[_named(result["settings"], result["sizes"])].append(result)
    rows = sorted(by_settings.items(), key=lambda row: -_best(row[1], "chrf")[0])
    header = ["settings", "batch", "lr", "width", "steps", "passes", "BLEU", "chrF", "loss", "best after", "minutes",
              "BLEU after 25%, 50%, 75%, 100%", "notes"]  # fmt: skip
    lines = [header, ["---"] * len(header), *(_row(name, runs) for name, runs in rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"## {corpus}, {results[0]['pairs']:,} pairs, {family}\n\n{table}"


def _named(settings: dict[str, Any], size: dict[str, Any]) -> str:
    changed = " ".join(f"{name}={value}" for name, value in settings.items())
    return changed or f"rules ({size['batch_tokens']} tokens, {size['steps']} updates)"


def _row(name: str, runs: list[Result]) -> list[str]:
    size, evaluations = runs[0]["sizes"], [run["evaluations"] for run in runs]
    if not any(evaluations):
        return [name, *["-"] * 11, _notes(runs)]
    best = [max(each, key=lambda one: one["bleu"])["step"] for each in evaluations if each]
    minutes = [each[-1]["minutes"] for each in evaluations if each]
    curve = ", ".join(f"{_after(evaluations[0], part * size['steps']):.1f}" for part in PARTS)
    return [
        name, f"{size['batch_tokens'] * size['accumulate']:,}", f"{size['lr']:g}", f"{size['width']}x{size['layers']}",
        f"{size['steps']:,}", f"{size['passes']:.1f}", _spread(*_best(runs, "bleu")), _spread(*_best(runs, "chrf")),
        f"{_best(runs, 'loss')[0]:.3f}", f"{mean(best):,.0f}", f"{mean(minutes):.1f}", curve, _notes(runs),
    ]  # fmt: skip


def _notes(runs: list[Result]) -> str:
    notes = [f"{len(runs)} seeds"] if len(runs) > 1 else []
    notes += [f"stopped after {run['cut']:g} minutes" for run in runs if run["cut"]]
    notes += [f"failed with code {run['failed']}" for run in runs if run["failed"]]
    return "; ".join(notes)


def _best(runs: list[Result], score: str) -> tuple[float, float]:
    """Mean and standard deviation over the seeds of the best evaluation of each run."""
    choose = min if score == "loss" else max
    found = [choose(each[score] for each in run["evaluations"]) for run in runs if run["evaluations"]]
    if not found:
        return 0.0, 0.0
    return mean(found), stdev(found) if len(found) > 1 else 0.0


def _spread(value: float, deviation: float) -> str:
    return f"{value:.2f} ± {deviation:.2f}" if deviation else f"{value:.2f}"


def _after(evaluations: list[dict[str, float]], step: float) -> float:
    """BLEU of the last evaluation up to an update."""
    return next((each["bleu"] for each in reversed(evaluations) if each["step"] <= step + 1), 0.0)
