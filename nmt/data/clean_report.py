"""The report of `nmt clean`: counts by reason, and examples to judge them by; as JSON, Markdown or HTML."""

import html
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from nmt.data.clean import Cleaned, Pair
from nmt.data.cleaning import Verdict, named
from nmt.escapes import markdown as escape
from nmt.escapes import visible

_EXAMPLES = 8
_LONGEST = 300  # characters of an example

_HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Cleaning report</title><style>
body { font: 15px system-ui, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; }
td, th { border-bottom: 1px solid #8886; padding: .3em .8em; text-align: start; vertical-align: top; }
</style></head><body><h1>Cleaning report</h1>"""

Facts = dict[str, Any]


def example_rows(cleaned: Cleaned) -> dict[str, list[int]]:
    """Heading -> the rows to show: some for each reason, and of scored pairs the worst and those at the threshold."""
    found = {}
    verdicts, scores = cleaned.selection.verdicts, cleaned.scores
    for verdict in Verdict:
        rows = np.flatnonzero(verdicts == verdict)
        if len(rows) and verdict not in (Verdict.KEPT, Verdict.LOW_SCORE):
            (name,) = named({verdict: 1})
            found[name] = rows[np.linspace(0, len(rows) - 1, min(_EXAMPLES, len(rows))).astype(int)].tolist()
    order = np.argsort(scores, kind="stable")[: int((~np.isnan(scores)).sum())]
    low = int((verdicts == Verdict.LOW_SCORE).sum())
    groups = {
        "lowest scores": order[: min(_EXAMPLES, low)],
        "dropped, just below the threshold": order[max(low - _EXAMPLES, 0) : low],
        "kept, just above the threshold": order[low : low + _EXAMPLES],
    }  # fmt: skip
    return found | {name: rows.tolist() for name, rows in groups.items() if len(rows)}


def facts(cleaned: Cleaned, pairs: Iterable[Pair], *, scored_by: str) -> Facts:
    """All that the report shows, as plain values; `pairs` is the text once more."""
    rows = example_rows(cleaned)
    wanted = {row for group in rows.values() for row in group}
    texts = {row: pair for row, pair in enumerate(pairs) if row in wanted}
    scores = cleaned.scores[~np.isnan(cleaned.scores)]
    return {
        "read": len(cleaned.scores), "kept": int(cleaned.selection.kept.sum()),
        "dropped": named({**cleaned.selection.counts(), Verdict.KEPT: 0}),
        "scores": {
            "by": scored_by, "threshold": cleaned.threshold if math.isfinite(cleaned.threshold) else None,
            "percentiles": {str(p): round(float(np.percentile(scores, p)), 4) for p in (1, 5, 25, 50, 75)}
            if len(scores) else {},
        },
        "notes": list(cleaned.notes),
        "examples": {name: [_example(row, texts[row], cleaned) for row in group] for name, group in rows.items()},
    }  # fmt: skip


def _example(row: int, pair: Pair, cleaned: Cleaned) -> Facts:
    number = float(cleaned.scores[row])
    score = None if math.isnan(number) else round(number, 4)
    source, target = (line[:_LONGEST] + "..." * (len(line) > _LONGEST) for line in pair)
    return {"pair": row + 1, "score": score, "source": source, "target": target}


def markdown(found: Facts) -> str:
    """The report as Markdown."""
    parts = ["# Cleaning report\n", f"{escape(_sentence(found))}\n", _table(["", "pairs", "share"], _counts(found))]
    parts += [f"- {escape(note)}" for note in found["notes"]]
    for name, examples in found["examples"].items():
        parts += [f"\n## {name.capitalize()}\n", _table(*_examples(examples))]
    return "\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(escape(str(cell)) for cell in line) + " |" for line in lines)


def page(found: Facts) -> str:
    """The report as one HTML file that needs nothing else."""

    def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
        yield "<table><tr>" + "".join(f"<th>{html.escape(each)}</th>" for each in head) + "</tr>"
        for row in rows:
            yield "<tr>" + "".join(f'<td dir="auto">{html.escape(str(each))}</td>' for each in row) + "</tr>"
        yield "</table>"

    parts = [_HEAD, f"<p>{html.escape(_sentence(found))}</p>", *table(["", "pairs", "share"], _counts(found))]
    parts += [f"<p>{html.escape(note)}</p>" for note in found["notes"]]
    for name, examples in found["examples"].items():
        parts += [f"<h2>{html.escape(name.capitalize())}</h2>", *table(*_examples(examples))]
    return visible("\n".join([*parts, "</body></html>"]) + "\n")


def _sentence(found: Facts) -> str:
    threshold = found["scores"]["threshold"]
    below = "" if threshold is None else f"; pairs below {threshold:.4g} are dropped"
    return f"Of {found['read']:,} pairs {found['kept']:,} are kept. Scores: {found['scores']['by']}{below}."


def _counts(found: Facts) -> list[list[str]]:
    counts = {"kept": found["kept"], **found["dropped"]}
    return [[name, f"{count:,}", f"{count / found['read']:.1%}"] for name, count in counts.items()]


def _examples(examples: Sequence[Facts]) -> tuple[list[str], list[list[Any]]]:
    keys = ["pair", "score", "source", "target"]
    return keys, [["" if example[key] is None else example[key] for key in keys] for example in examples]
