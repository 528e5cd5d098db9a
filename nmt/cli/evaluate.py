"""nmt eval: systems side by side on one test set, by the scores of their translations and of their word alignments."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nmt import files
from nmt.cli import alignment, lines, scoreboard, terminal
from nmt.cli.common import Machine, Options, command
from nmt.cli.progress import Progress
from nmt.cli.searching import Search
from nmt.errors import ConfigError

if TYPE_CHECKING:
    from nmt.evaluation.compare import Comparison
    from nmt.evaluation.systems import Model

METRICS = "bleu,chrf,ter"
_LONGEST = 200  # bytes of the name of a file; the system takes 255


@dataclass(frozen=True, kw_only=True)
class Systems(Options):
    """What is compared."""

    model: Annotated[list[Path] | None, typer.Option(help="A run folder or a model bundle; repeatable.")] = None
    ensemble: Annotated[
        list[str] | None, typer.Option(help="Models that are one system together, commas between; repeatable.")
    ] = None
    hypothesis: Annotated[list[Path] | None, typer.Option(help="Translations made elsewhere; repeatable.")] = None

    def models(self) -> list[Path | list[str]]:
        """Each system that translates; a list is an ensemble. Raises ConfigError for one that has fewer than two."""
        return [*(self.model or []), *map(_members, self.ensemble or [])]


@dataclass(frozen=True, kw_only=True)
class TestText(Options):
    """What is translated, and how it should be."""

    config: Annotated[Path | None, typer.Option(help="Take its test set [the first run's config].")] = None
    source: Annotated[Path | None, typer.Option(help="The test set: a sentence a line.")] = None
    reference: Annotated[list[Path] | None, typer.Option(help="Its translation; repeatable.")] = None
    tag: lines.TestTag = None


@dataclass(frozen=True, kw_only=True)
class Scoring(Options):
    """How translations are scored."""

    metric: Annotated[
        str | None,
        typer.Option(help=f"bleu, chrf, chrf++, ter, exact, plug-ins, by commas [{METRICS}, none with --alignment]."),
    ] = None
    lowercase: Annotated[bool, typer.Option("--lowercase", help="BLEU and chrF: leave case aside.")] = False
    tokenize: lines.Tokenize = None
    tokenized: Annotated[
        bool, typer.Option("--tokenized", help="Add the BLEU of many papers: lower-cased and tokenised by Moses.")
    ] = False
    tokenized_reference: Annotated[
        list[Path] | None, typer.Option(help="The same with the corpus' own references in that form; repeatable.")
    ] = None
    language: Annotated[str | None, typer.Option(help="Target language code [the config's or models'].")] = None
    confidence: Annotated[bool, typer.Option("--confidence", help="Add 95% confidence intervals (bootstrap).")] = False
    paired: Annotated[
        Literal["bs", "ar"] | None,
        typer.Option(help="Test against the first system: bs (bootstrap) or ar (randomisation)."),
    ] = None
    worst: Annotated[int, typer.Option(min=0, help="Show so many lines to look at per system.")] = 0


@command
def evaluate(
    *,
    systems: Systems,
    test: TestText,
    scoring: Scoring,
    search: Search,
    precision: lines.Precision = "auto",
    workers: lines.Workers = None,
    output_folder: Annotated[Path | None, typer.Option(help="Keep the translations there.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
    gold: alignment.Gold,
    links: alignment.Links,
    machine: Machine,
) -> None:
    """Score models and translations: BLEU, chrF, TER, exact matches, each with its signature; or word alignments."""
    from nmt import runtime

    gold.check()
    links.check("--alignment", gold.alignment)
    alignments_alone = gold.alignment is not None and scoring.metric is None
    if alignments_alone:  # of translations without a model there is another fault to tell
        beside = {"hypothesis": systems.hypothesis if systems.model else None, "ensemble": systems.ensemble}
        alignment.refuse(**search.given(), **beside, **scoring.given(), output_folder=output_folder)
    if output_folder:
        files.check_above(output_folder / "translations")
        if not systems.models():
            raise ConfigError("--output-folder: no model is there to translate", hint="give --model, or leave it out")
    runtime.keep_freed_memory()
    where, progress = {"precision": precision, **machine.given()}, Progress()
    places, read = [], [*(systems.hypothesis or []), gold.alignment]

    def begin(name: str) -> None:
        if output_folder:
            places.append(_place(output_folder, name, places))
            files.check_above(places[-1])
            lines.check_input(places[-1], read)
        progress.note(f"note: {name} translates")

    figures = None if gold.alignment is None else alignment.evaluate(
        systems.model or [], test.config, test.source, test.reference or [], gold=gold, links=links, tag=test.tag,
        where=where,
    )  # fmt: skip
    comparison = None if alignments_alone else _compare(
        systems, test, scoring, on_test=lambda found: read.extend(found.files), on_system=begin,
        on_progress=lambda stage, done: progress.move(f"{stage} {done:,}"), workers=workers,
        rerank=search.rerankers() or None, **where, **search.settings(),
    )  # fmt: skip
    progress.clear()
    for system in comparison.systems if comparison else ():
        if system.model:
            _note(system.name, system.model)
    terminal.result((scoreboard.as_json if json else scoreboard.as_text)(comparison, figures))
    if comparison:
        for place, system in zip(places, comparison.systems, strict=False):  # files of hypotheses come last
            files.write_text(place, "".join(f"{line}\n" for line in system.hypotheses))


def _compare(systems: Systems, test: TestText, scoring: Scoring, **how) -> "Comparison":
    from nmt.evaluation import compare

    scored = {**scoring.given(), "metric": (scoring.metric or METRICS).split(",")}
    official = scored.pop("tokenized_reference", ())
    return compare.evaluate(
        systems.models(), hypotheses=systems.hypothesis or (), config=test.config, source=test.source,
        references=test.reference or (), tokenized_references=official, tag=test.tag, **scored, **how,
    )  # fmt: skip


def _note(name: str, model: "Model") -> None:
    """Tell what its user may not know of its translations."""
    for line in model.idle:
        lines.note(f"{name}: {line}")
    for each, tags in {name: model.missing_tags, **model.rerankers_missing_tags}.items():
        lines.note_missing_tags(each, tags)
    for line in [*model.split.notes(), *model.marks.notes()]:
        lines.note(f"{name}: {line}")


def _members(text: str) -> list[str]:
    """Of an ensemble that is typed as A,B. Raises ConfigError unless there are two or more."""
    members = [each.strip() for each in text.split(",")]
    if len(members) < 2 or not all(members):
        raise ConfigError(f"--ensemble {text}: which models?", hint="two or more, commas between; --model takes one")
    return members


def _place(folder: Path, name: str, taken: Sequence[Path]) -> Path:
    """Where the translations of a system are kept; names that are the same as files are numbered."""
    stem = re.sub(r"[\\/:]+", "-", name).strip("-.").encode()[:_LONGEST].decode(errors="ignore")
    places = (folder / f"{each}.txt" for each in chain([stem], (f"{stem}-{n}" for n in count(2))))
    return next(place for place in places if place not in taken)
