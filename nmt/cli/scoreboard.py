"""What `nmt eval` shows: a table for people, or JSON, and all that it takes to get the same numbers again."""

import json
import shlex
import sys
from typing import TYPE_CHECKING

from nmt.analysis.grid import grid
from nmt.cli import alignment, findings
from nmt.version import __version__

if TYPE_CHECKING:
    from nmt.evaluation.compare import Column, Comparison
    from nmt.evaluation.systems import System


def as_text(comparison: "Comparison | None", figures: "alignment.Figures | None") -> str:
    """The tables, and below them all that it takes to get the same numbers again."""
    shown = [_scores(comparison), *findings.worst(comparison)] if comparison else []
    if figures:
        tables = [alignment.as_rows(figures), *map(alignment.readings_as_rows, figures.aligners)]
        shown += [grid(rows) for rows in tables if rows]
        shown.append("\n".join(alignment.notes(figures)))
    return "\n\n".join(shown) + f"\ncommand: {_command()}"


def as_json(comparison: "Comparison | None", figures: "alignment.Figures | None") -> str:
    """The same for programs."""
    value = {"nmt": __version__, "command": _command()}
    if comparison:
        value |= _scores_as_json(comparison)
    if figures:
        value["alignment"] = alignment.as_json(figures)
    return json.dumps(value, indent=2, ensure_ascii=False)


def _scores(comparison: "Comparison") -> str:
    """The scores and the checks as tables, and below them the signatures and notes."""
    columns = [column for each in comparison.columns for column in _column(each)] + _costs(comparison)
    rows = [["system", *(name for name, _ in columns)]]
    for number, system in enumerate(comparison.systems):
        rows.append([system.name, *(cells[number] for _, cells in columns)])
    references = "1 reference" if comparison.references == 1 else f"{comparison.references} references"
    counts = f"{comparison.sentences:,} sentences, {references}"
    notes = [f"note: {note}" for note in comparison.notes]
    return "\n".join([grid(rows), "", findings.table(comparison), "", counts, *_signatures(comparison), *notes])


def _scores_as_json(comparison: "Comparison") -> dict:
    """The scores with everything that is known about them."""
    return {
        "sentences": comparison.sentences,
        "references": comparison.references,
        "notes": comparison.notes,
        "systems": [_system(comparison, number, system) for number, system in enumerate(comparison.systems)],
    }


def _system(comparison: "Comparison", number: int, system: "System") -> dict:
    scores = {}
    for column in comparison.columns:
        score, test = column.scores[number], column.significance
        scores[column.key] = {
            **score._asdict(),
            "interval": score.interval and score.interval._asdict(),
            "p_value": test and test.p_values[number],
            "p_value_signature": test and test.signature,
        }
    found = findings.as_json(comparison.checks[number], comparison.worst[number])
    counts = system.model and {name: getattr(system.model, name)._asdict() for name in ("split", "marks")}
    model = system.model and {**system.model._asdict(), **counts}
    return {"name": system.name, "scores": scores, **found, "model": model}


def _column(column: "Column") -> list[tuple[str, list[str]]]:
    """A score's name and cells, and those of its significance."""
    from nmt.evaluation.metrics import SIGNIFICANT

    shown = [(column.scores[0].name, [score.as_text() for score in column.scores])]
    if column.significance:
        p_values = column.significance.p_values
        shown.append(("p", ["" if p is None else f"{p:.4f}{'*' if p < SIGNIFICANT else ' '}" for p in p_values]))
    return shown


def _costs(comparison: "Comparison") -> list[tuple[str, list[str]]]:
    """What the models among the systems cost."""
    models = [system.model for system in comparison.systems]
    if not any(models):
        return []
    shown = {
        "parameters": lambda model: f"{model.parameters / 1e6:.2f} M",
        "training": lambda model: f"{model.training_minutes:.1f} min",
        "tokens/s": lambda model: _rate(model.training_tokens, 60 * model.training_minutes),
        "decoding": lambda model: f"{model.decoding_seconds:.1f} s",
        "sentences/s": lambda model: _rate(comparison.sentences, model.decoding_seconds),
    }
    return [(name, ["" if model is None else show(model) for model in models]) for name, show in shown.items()]


def _rate(count: int, seconds: float) -> str:
    return f"{count / seconds:,.0f}" if seconds else ""


def _signatures(comparison: "Comparison") -> list[str]:
    """Signatures of the scores, the tests and the models."""
    from nmt.evaluation.metrics import SIGNIFICANT

    shown = [f"{column.scores[0].name}: {column.scores[0].signature}" for column in comparison.columns]
    tests = [column.significance.signature.split("|") for column in comparison.columns if column.significance]
    if tests:
        how = "|".join(part for part in tests[0] if part.split(":")[0] in ("ar", "bs", "seed"))
        first = comparison.systems[0].name
        shown.append(f"p: how often equals differ as much as from {first} (paired|{how}); * below {SIGNIFICANT}")
    return shown + [f"{system.name}: {system.model.signature}" for system in comparison.systems if system.model]


def _command() -> str:
    return shlex.join(["nmt", *sys.argv[1:]])
