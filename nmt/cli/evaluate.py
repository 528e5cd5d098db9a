"""nmt eval: systems side by side on one test set, as a table for people or as JSON."""

import json as json_text
import re
import shlex
import sys
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nmt import files
from nmt.cli import alignment as alignments
from nmt.cli import lines
from nmt.cli.common import Machine, command
from nmt.cli.progress import Progress
from nmt.cli.searching import Search
from nmt.errors import ConfigError
from nmt.version import __version__

if TYPE_CHECKING:
    from nmt.evaluation.compare import Column, Comparison
    from nmt.evaluation.systems import Model, System

SIGNIFICANT = 0.05
METRICS = ("bleu", "chrf", "ter")
_LONGEST = 200  # bytes of the name of a file; the system takes 255


@command
def evaluate(
    *,
    model: Annotated[list[Path] | None, typer.Option(help="A run folder or a model bundle; repeatable.")] = None,
    ensemble: Annotated[
        list[str] | None, typer.Option(help="Models that are one system together, commas between; repeatable.")
    ] = None,
    hypothesis: Annotated[list[Path] | None, typer.Option(help="Translations made elsewhere; repeatable.")] = None,
    config: Annotated[Path | None, typer.Option(help="Take its test set [the first run's config].")] = None,
    source: Annotated[Path | None, typer.Option(help="The test set: a sentence a line.")] = None,
    reference: Annotated[list[Path] | None, typer.Option(help="Its translation; repeatable.")] = None,
    tokenized: Annotated[
        bool, typer.Option("--tokenized", help="Add the BLEU of many papers: lower-cased and tokenised by Moses.")
    ] = False,
    tokenized_reference: Annotated[
        list[Path] | None, typer.Option(help="The same with the corpus' own references in that form; repeatable.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="For that: the target language [the models'].")] = None,
    tag: lines.TestTag = None,
    metric: Annotated[
        str | None,
        typer.Option(help="Of bleu, chrf, ter, exact; commas between [bleu,chrf,ter; none with --alignment]."),
    ] = None,
    lowercase: Annotated[bool, typer.Option("--lowercase", help="BLEU and chrF: leave case aside.")] = False,
    tokenize: Annotated[str, typer.Option(help="BLEU: sacreBLEU's tokenizer, such as 13a, intl, zh, none.")] = "13a",
    confidence: Annotated[bool, typer.Option("--confidence", help="Add 95% confidence intervals (bootstrap).")] = False,
    paired: Annotated[
        Literal["bs", "ar"] | None,
        typer.Option(help="Test against the first system: bs (bootstrap) or ar (randomisation)."),
    ] = None,
    search: Search,
    precision: lines.Precision = "auto",
    workers: lines.Workers = None,
    output_folder: Annotated[Path | None, typer.Option(help="Keep the translations there.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
    alignment: alignments.GoldOption = None,
    alignment_first: alignments.FirstOption = None,
    alignment_choose: alignments.ChooseOption = 0,
    alignment_reading: alignments.ReadingOption = None,
    alignment_reverse: alignments.ReverseOption = None,
    alignment_symmetry: alignments.SymmetryOption = None,
    machine: Machine,
) -> None:
    """Score models and translations: BLEU, chrF, TER, exact matches, each with its signature; or word alignments."""
    from nmt import runtime
    from nmt.evaluation import compare

    alignments.need(
        "--alignment", alignment, alignment_first=alignment_first is not None, alignment_choose=alignment_choose,
        alignment_reading=alignment_reading, alignment_reverse=alignment_reverse,
    )  # fmt: skip
    alignments.need("--alignment-reverse", alignment_reverse, alignment_symmetry=alignment_symmetry)
    settings, rerank = search.settings(), search.rerankers()
    if alignment and metric is None:  # of translations without a model there is another fault to tell
        alignments.refuse(**settings, rerank=rerank, hypothesis=model and hypothesis, ensemble=ensemble,
                          tokenized=tokenized, language=language, tokenized_reference=tokenized_reference,
                          lowercase=lowercase, confidence=confidence, paired=paired,
                          output_folder=output_folder)  # fmt: skip
    if output_folder:
        files.check_above(output_folder / "translations")
        if not (model or ensemble):
            raise ConfigError("--output-folder: no model is there to translate", hint="give --model, or leave it out")
    places: list[Path] = []
    read = [*(hypothesis or []), *(reference or []), *(tokenized_reference or []), *([source] if source else [])]
    runtime.keep_freed_memory()
    progress = Progress()
    figures = alignment and alignments.evaluate(
        model or [], config, source, reference or [], gold=alignment, first_word=alignment_first,
        choose=alignment_choose, reading=alignment_reading, reverse=alignment_reverse, symmetry=alignment_symmetry,
        tag=tag, where={"device": machine.device, "precision": precision, "threads": machine.threads},
    )  # fmt: skip

    def begin(name: str) -> None:
        if output_folder:
            places.append(_place(output_folder, name, places))
            lines.check_input(places[-1], read)
        progress.note(f"note: {name} translates")

    comparison = None if alignment and metric is None else compare.evaluate(
        [*(model or []), *map(_members, ensemble or [])], hypotheses=hypothesis or (),
        config=config, source=source, references=reference or (),
        tokenized=tokenized, tokenized_references=tokenized_reference or (), language=language, tag=tag,
        metric=METRICS if metric is None else metric.split(","), lowercase=lowercase, tokenize=tokenize,
        confidence=confidence, paired=paired, device=machine.device, precision=precision, threads=machine.threads,
        workers=workers, on_system=begin, on_progress=lambda stage, done: progress.move(f"{stage} {done:,}"),
        rerank=rerank, **settings,
    )  # fmt: skip
    progress.clear()
    for system in comparison.systems if comparison else ():
        if system.model:
            _note(system.name, system.model)
    typer.echo(_as_json(comparison, figures) if json else _as_text(comparison, figures))
    if comparison:
        for place, system in zip(places, comparison.systems, strict=False):  # files of hypotheses come last
            files.write_text(place, "".join(f"{line}\n" for line in system.hypotheses))


def _note(name: str, model: "Model") -> None:
    """Tell what its user may not know of its translations."""
    for line in model.idle:
        lines.note(f"{name}: {line}")
    lines.note_missing_tags(name, model.missing_tags)
    if model.split:
        lines.note(f"{name}: {model.split} lines were longer than it takes, and translated in parts")


def _members(text: str) -> list[str]:
    """Of an ensemble that is typed as A,B. Raises ConfigError unless there are two or more."""
    members = [each.strip() for each in text.split(",")]
    if len(members) < 2 or not all(members):
        raise ConfigError(f"--ensemble {text}: which models?", hint="two or more, commas between; --model takes one")
    return members


def _as_text(comparison: "Comparison | None", figures: "alignments.Figures | None") -> str:
    """The tables, and below them all that it takes to get the same numbers again."""
    shown = [as_text(comparison)] if comparison else []
    if figures:
        tables = [alignments.as_rows(figures), *map(alignments.readings_as_rows, figures.aligners)]
        shown += [_table(rows) for rows in tables if rows]
        shown.append("\n".join(alignments.notes(figures)))
    return "\n\n".join(shown) + f"\ncommand: {_command()}"


def _as_json(comparison: "Comparison | None", figures: "alignments.Figures | None") -> str:
    """The same for programs."""
    value = {"nmt": __version__, "command": _command()}
    if comparison:
        value |= as_json(comparison)
    if figures:
        value["alignment"] = alignments.as_json(figures)
    return json_text.dumps(value, indent=2, ensure_ascii=False)


def as_text(comparison: "Comparison") -> str:
    """The scores as a table, and below it the signatures."""
    columns = [column for each in comparison.columns for column in _column(each)] + _costs(comparison)
    rows = [["system", *(name for name, _ in columns)]]
    for number, system in enumerate(comparison.systems):
        rows.append([system.name, *(cells[number] for _, cells in columns)])
    references = "1 reference" if comparison.references == 1 else f"{comparison.references} references"
    return "\n".join([_table(rows), "", f"{comparison.sentences:,} sentences, {references}", *_notes(comparison)])


def as_json(comparison: "Comparison") -> dict:
    """The scores with everything that is known about them."""
    return {
        "sentences": comparison.sentences,
        "references": comparison.references,
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
    return {"name": system.name, "scores": scores, "model": system.model and system.model._asdict()}


def _column(column: "Column") -> list[tuple[str, list[str]]]:
    """A score's name and cells, and those of its significance."""
    cells = [
        f"{score.value:.2f}" + (f" ± {score.interval.half_width:.2f}" if score.interval else "")
        for score in column.scores
    ]
    shown = [(column.scores[0].name, cells)]
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


def _notes(comparison: "Comparison") -> list[str]:
    """Signatures of the scores, the tests and the models."""
    notes = [f"{column.scores[0].name}: {column.scores[0].signature}" for column in comparison.columns]
    tests = [column.significance.signature.split("|") for column in comparison.columns if column.significance]
    if tests:
        how = "|".join(part for part in tests[0] if part.split(":")[0] in ("ar", "bs", "seed"))
        first = comparison.systems[0].name
        notes.append(f"p: how often equals differ as much as from {first} (paired|{how}); * below {SIGNIFICANT}")
    return notes + [f"{system.name}: {system.model.signature}" for system in comparison.systems if system.model]


def _command() -> str:
    return shlex.join(["nmt", *sys.argv[1:]])


def _table(rows: list[list[str]]) -> str:
    """A table in Markdown, names to the left and numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = [
        [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        for row in [rows[0], rule, *rows[1:]]
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in padded)


def _place(folder: Path, name: str, taken: Sequence[Path]) -> Path:
    """Where the translations of a system are kept; names that are the same as files are numbered."""
    stem = re.sub(r"[\\/:]+", "-", name).strip("-.").encode()[:_LONGEST].decode(errors="ignore")
    places = (folder / f"{each}.txt" for each in chain([stem], (f"{stem}-{n}" for n in count(2))))
    return next(place for place in places if place not in taken)
