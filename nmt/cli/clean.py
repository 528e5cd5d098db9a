"""nmt clean: drop the pairs of a parallel text that do not translate each other, and report why."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmt.cli import lines, terminal
from nmt.cli.common import Machine, command
from nmt.cli.progress import Progress

if TYPE_CHECKING:
    from nmt.config import CleaningConfig, ParallelText

_LEXICAL = "IBM Model 1 in both directions, in nats per word"
Scorer = Callable[[Iterable[tuple[str, str]]], Iterator[float]]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Replace settings of data.cleaning.")
]
Share = Annotated[str | None, typer.Option(metavar="SHARE", help="Drop this share, such as 5%, by lowest score.")]


@command
def clean(
    *,
    source: Annotated[list[Path] | None, typer.Option(help="Source text; repeatable.")] = None,
    target: Annotated[list[Path] | None, typer.Option(help="Its translation; repeatable.")] = None,
    tsv: Annotated[list[Path] | None, typer.Option(help="Instead: one file: TSV, CSV, TMX, JSON lines.")] = None,
    columns: Annotated[tuple[str, str] | None, typer.Option(help="Columns of --tsv, by number or name [1 2].")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the kept pairs as TSV.")] = None,
    output_source: Annotated[Path | None, typer.Option(help="Instead: write the kept sources.")] = None,
    output_target: Annotated[Path | None, typer.Option(help="Write the kept targets.")] = None,
    scores: Annotated[Path | None, typer.Option(help="Write reason and score of every pair, line by line.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write a report: .md, .html or .json [stdout].")] = None,
    min_score: Annotated[float | None, typer.Option(help="Drop pairs with a lower score [0].")] = None,
    drop: Share = None,
    model: Annotated[list[Path] | None, typer.Option(help="Score by this run, not by IBM Model 1.")] = None,
    tag: lines.Tag = None,
    languages: Annotated[tuple[str, str] | None, typer.Option(help="Drop other languages; needs py3langid.")] = None,
    near_duplicates: Annotated[bool, typer.Option(help="Drop pairs that differ in no letter.")] = True,
    settings: Overrides = None,
    machine: Machine,
) -> None:
    """Drop bad pairs of a parallel text and report why.

    All filters of training are applied first. The other pairs are scored by how well their words predict each other
    (IBM Model 1, trained on the text itself), or by a model.

    Example: nmt clean --source a.de --target a.en --output clean.tsv --report report.html
    """
    from nmt.cli.init import text_of
    from nmt.data import clean as work
    from nmt.errors import ConfigError

    if (output_source is None) != (output_target is None) or (output and output_source):
        raise ConfigError("expected --output, or both --output-source and --output-target", hint="or neither: a report")
    if drop is not None and min_score is not None:
        raise ConfigError("--drop and --min-score exclude each other", hint="give one of the two")
    if model and drop is None and min_score is None:
        raise ConfigError("--model needs --drop or --min-score", hint="such as --drop 5%")
    write_report = _format(report)
    text = text_of("", source, target, tsv, columns)
    options = work.Options(0.0 if min_score is None else min_score, _share(drop), languages, near_duplicates)
    places = [each for each in (output, output_source, output_target, scores, report) if each is not None]
    for place in places:
        lines.check_place(place)
        lines.check_input(place, text.files)
    if len({place.absolute() for place in places}) < len(places):
        raise ConfigError("two outputs have the same name", hint="name a file for each")
    progress = Progress()
    cleaned = work.clean(
        text, _cleaning(settings or []), options, lambda stage, done: progress.move(f"{stage} {done:,}"),
        scorer=_scorer(model, tag, machine) if model else None,
    )  # fmt: skip
    progress.clear()
    _write_pairs(text, cleaned, output, output_source, output_target, scores)
    write_report(cleaned, text, f"{', '.join(map(str, model))}, in nats per piece" if model else _LEXICAL)


def _share(text: str | None) -> float | None:
    from nmt.errors import ConfigError

    if text is None:
        return None
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1
    if not 0 <= share < 1:
        raise ConfigError(f"--drop: expected a share below 1, found {text}", hint="such as 5% or 0.05")
    return share


def _cleaning(overrides: list[str]) -> "CleaningConfig":
    from nmt import config
    from nmt.config import CleaningConfig
    from nmt.errors import ConfigError

    value = {}
    for each in overrides:
        key, equals, typed = each.partition("=")
        if not equals:
            raise ConfigError(f"{each}: expected key=value", hint="for example max_words=100")
        value[key.removeprefix("data.cleaning.")] = config.yaml.parse(typed, each)
    return config.check(CleaningConfig, value, name="data.cleaning")


def _scorer(model: list[Path], tag: str | None, machine: Machine) -> Scorer:
    """Scores by a model: the mean log-probability of a target's pieces. Pairs that are too long for it have none."""
    from nmt.decoding.translator import Translator

    translator = Translator.load(model, tag=tag, **machine.given())

    def scores(pairs: Iterable[tuple[str, str]]) -> Iterator[float]:
        for each in translator.scores(pairs):
            yield each.log_probability / len(each.tokens) if each.tokens else float("nan")

    return scores


def _write_pairs(
    text: "ParallelText", cleaned: Any, output: Path | None, output_source: Path | None, output_target: Path | None,
    scores: Path | None,
) -> None:  # fmt: skip
    from nmt.data.cleaning import Verdict
    from nmt.data.text import read_pairs

    kept = cleaned.selection.kept
    with ExitStack() as stack:
        def writer(path: Path | None) -> Callable[[str], None] | None:
            return path and stack.enter_context(lines.writer(path, inputs=text.files))

        tsv, sources, targets, judged = map(writer, (output, output_source, output_target, scores))
        if not (tsv or sources or judged):
            return
        for row, (source, target) in enumerate(read_pairs(text, lenient=True)):
            if tsv and kept[row]:
                tsv("\t".join(side.replace("\t", " ") for side in (source, target)))
            if sources and kept[row]:
                sources(source)
                targets(target)
            if judged:
                reason = Verdict(cleaned.selection.verdicts[row]).name.lower().replace("_", " ")
                judged(f"{reason}\t{cleaned.scores[row]:.4f}")


def _format(path: Path | None) -> Callable:
    """A function that writes the report in the form that a name asks for."""
    from nmt.errors import ConfigError

    suffix = ".md" if path is None else path.suffix.lower()
    if suffix not in (".md", ".html", ".json"):
        raise ConfigError(f'unknown report format "{path}"', hint="use a name that ends in .md, .html or .json")

    def write(cleaned: Any, text: "ParallelText", scored_by: str) -> None:
        from nmt import files
        from nmt.data.clean_report import facts, markdown, page
        from nmt.data.text import read_pairs

        found = facts(cleaned, read_pairs(text, lenient=True), scored_by=scored_by)
        as_json = lambda each: json.dumps(each, ensure_ascii=False, indent=2) + "\n"  # noqa: E731
        shown = {".md": markdown, ".html": page, ".json": as_json}[suffix](found)
        if path is None:
            terminal.result(shown.rstrip("\n"))
        else:
            files.write_text(path, shown)
            terminal.result(f"{found['kept']:,} of {found['read']:,} pairs kept; {path}: report written")

    return write
