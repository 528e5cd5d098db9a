"""What `nmt translate` and `nmt eval` share about word alignments: the options, and how figures are shown."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from nmt import streams
from nmt.cli import lines
from nmt.cli.common import Options
from nmt.errors import ConfigError

if TYPE_CHECKING:
    from nmt.analysis.alignment import Reading
    from nmt.analysis.choosing import Aligner
    from nmt.decoding.translator import Translation, Translator

SYMMETRY = "grow-diag"
_SHOWN = 5  # of the methods that were compared
_TO_FIND = {"alignment_reading", "alignment_symmetry"}  # where the first pairs choose


@dataclass(frozen=True, kw_only=True)
class Gold(Options):
    """Alignments by people."""

    alignment: Annotated[
        Path | None, typer.Option(help="Gold word alignments of source and reference: precision, recall, error rate.")
    ] = None
    alignment_first: Annotated[
        int | None, typer.Option(min=0, max=1, help="Gold alignments: the number of the first word [told by the file].")
    ] = None
    alignment_choose: Annotated[
        int,
        typer.Option(
            min=0, help="So many of the first pairs choose what is read, the others tell how well it aligns."
        ),
    ] = 0

    def check(self) -> None:
        """Raises ConfigError for options that say nothing without gold alignments."""
        _need("--alignment", self.alignment, self.given())


@dataclass(frozen=True, kw_only=True)
class Links(Options):
    """How links between words are found."""

    alignment_reading: Annotated[
        str | None,
        typer.Option(
            help="What is read as alignment, as LAYER.HEAD.STEP.DECISION (see docs/alignment.md), such as "
            "2.mean.shifted.both; after a comma that of the reverse model [mean.mean.plain.both]."
        ),
    ] = None
    alignment_reverse: Annotated[
        Path | None, typer.Option(help="A model of the reverse direction, whose links are joined with the model's own.")
    ] = None
    alignment_symmetry: Annotated[
        Literal["intersection", "union", "grow-diag", "grow-diag-final-and"] | None,
        typer.Option(help=f"How they are joined [{SYMMETRY}]."),
    ] = None

    def check(self, what: str, asked: Path | None) -> None:
        """Raises ConfigError for options that say nothing unless links are `asked` for, by the option `what`."""
        symmetry = {"alignment_symmetry"} & self.given().keys()
        _need(what, asked, [name for name in self.given() if name not in symmetry])
        _need("--alignment-reverse", self.alignment_reverse, symmetry)

    def symmetry(self) -> str:
        return self.alignment_symmetry or SYMMETRY


class Figures(NamedTuple):
    """What `nmt eval --alignment` shows."""

    aligners: "list[Aligner]"
    gold: Path
    pairs: int
    first: int
    """So many of them chose."""


def _need(what: str, asked: Path | None, given: Iterable[str]) -> None:
    for name in given if asked is None else ():
        raise ConfigError(f"{_option(name)}: of which alignments?", hint=f"it takes {what}")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def refuse(**options: Any) -> None:
    """Raises ConfigError for options that say nothing where alignments alone are scored; None is not given."""
    for name, value in options.items():
        if value is not None:
            hint = "--metric bleu,chrf scores translations beside them"
            raise ConfigError(f"{_option(name)}: says nothing about alignments", hint=hint)


def parse_readings(text: str | None, *, reverse: Path | None) -> "list[Reading | None]":
    """The readings of the model and of the reverse one, if any; None for the usual ones. Raises ConfigError."""
    from nmt.analysis.alignment import parse

    if text is None:
        return [None, None]
    found = [parse(each) for each in text.split(",")]
    most = 1 if reverse is None else 2
    if len(found) > most:
        hint = "the model's, and the reverse model's" if most == 2 else "the second is for --alignment-reverse"
        raise ConfigError(f"--alignment-reading {text}: more than {most}", hint=hint)
    return [found[0], found[-1]]


@contextmanager
def writer(path: Path, source: Path | int, output: Path | None) -> Iterator[lines.Writer]:
    """A writer of lines of alignments. Raises NMTError if they would go where the translations go."""
    if (path.resolve() == output.resolve()) if output else streams.descriptor(path) == (lines.STDOUT, True):
        raise ConfigError(f"{path}: translations and alignments in one file?", hint="--alignments takes its own")
    with lines.writer(path, inputs=(source, output)) as write:
        yield write


def beside(
    translate: "Callable[..., Iterator[Translation]]", translator: "Translator", write: Callable[[str], None],
    links: Links, reverse: "Translator | None",
) -> "Callable[[Iterable[str]], Iterator[Translation]]":  # fmt: skip
    """`translate` such that it also writes the alignment of each translation.

    Raises NMTError for a model without attention, ConfigError for a layer or head that it lacks.
    """
    from nmt.analysis.aligner import aligned, check
    from nmt.analysis.alignment import pharaoh

    own, other = parse_readings(links.alignment_reading, reverse=links.alignment_reverse)
    own = check(translator, own)
    back = reverse and (reverse, check(reverse, other))

    def run(source: Iterable[str]) -> "Iterator[Translation]":
        found = translate(source, attention=True, heads=own.heads)
        order = translator.engine.order
        for translation, pairs in aligned(found, own, reverse=back, symmetry=links.symmetry(), order=order):
            write(pharaoh(pairs))
            yield translation

    return run


def evaluate(
    models: list[Path], config: Path | None, source: Path | None, references: list[Path], *, gold: Gold, links: Links,
    tag: str | None, where: dict[str, Any],
) -> Figures:  # fmt: skip
    """How well models align the test set's sources with its first references. Raises NMTErrors."""
    from nmt.analysis import choosing
    from nmt.analysis.aligner import check_reverse
    from nmt.analysis.gold import read_gold
    from nmt.analysis.words import words_of
    from nmt.decoding.translator import Translator
    from nmt.evaluation import systems, testset

    if not models:
        raise ConfigError("--alignment: there is no model that aligns", hint="give --model")
    choose, reverse = gold.alignment_choose, links.alignment_reverse
    for name in _TO_FIND & links.given().keys() if choose else ():
        raise ConfigError(f"{_option(name)} is what --alignment-choose is to find", hint="give one of the two")
    plan = choosing.Plan(choose, parse_readings(links.alignment_reading, reverse=reverse), links.symmetry())
    test = testset.find(models, config, source, references, [])
    pairs = list(zip(test.source, test.references[0], strict=True))
    lengths = [(len(words_of(one)), len(words_of(other))) for one, other in pairs]
    known = read_gold(gold.alignment, lengths, first=gold.alignment_first)
    if choose >= len(pairs):
        raise ConfigError(f"--alignment-choose {choose}: of {len(pairs)} pairs none is left", hint="choose by fewer")
    names = systems.names([*models, *filter(None, [reverse])])
    ready = [systems.load([path], name, where=where, search={}) for path, name in zip(models, names, strict=False)]
    systems.check_directions(ready, test)
    systems.choose_tag(ready, asked=tag, test=test)
    for model in models if reverse else ():
        check_reverse(model, reverse)
    aligners = [(each.name, each.translator) for each in ready]
    back = (names[-1], Translator.load(reverse, **where)) if reverse else None
    for name, translator in [*aligners, *filter(None, [back])]:
        lines.note_missing_tags(name, translator.missing_tags)
    found = [each for one in aligners for each in choosing.evaluate(one, pairs, known, plan, reverse=back)]
    return Figures(found, gold.alignment, len(pairs), choose)


def as_rows(figures: Figures) -> list[list[str]]:
    """A table's cells, its header first."""
    rows = [["system", "alignment", "precision", "recall", "AER", "95%"]]
    for each in figures.aligners:
        if not each.methods:
            rows.append([each.name, "no attention", "", "", "", ""])
            continue
        best = each.methods[0]
        limits = " to ".join(f"{100 * limit:.1f}" for limit in each.interval)
        rows.append([each.name, best.name, *(f"{100 * share:.1f}" for share in best.errors), limits])
    return rows


def readings_as_rows(aligner: "Aligner") -> list[list[str]]:
    """The error rates of all readings that a model offers, a row a layer or head; none where nothing was chosen."""
    from nmt.analysis.alignment import DECISIONS

    columns = [f"{step}.{decision}" for step in ("plain", "shifted") for decision in DECISIONS]
    rates = {each.name: f"{100 * each.errors.error_rate:.1f}" for each in aligner.methods}
    heads = sorted({tuple(name.split(".")[:2]) for name in rates if " " not in name})
    if len(rates) < 2 or not heads:
        return []
    rows = [[f"{layer}.{head}", *(rates[f"{layer}.{head}.{column}"] for column in columns)] for layer, head in heads]
    return [[f"AER of {aligner.name}", *columns], *rows]


def notes(figures: Figures) -> list[str]:
    """What the figures are of, and what else was compared."""
    from nmt.analysis.choosing import RESAMPLES

    pairs, first = figures.pairs, figures.first
    of = f"{pairs:,} pairs" if not first else f"pairs {first + 1:,} to {pairs:,}; the {first:,} before them chose"
    told = [f"alignment: {of}; {figures.gold}; 95% of {RESAMPLES:,} resamples of the pairs"]
    for each in figures.aligners:
        if len(each.methods) > 1:
            best = ", ".join(f"{one.name} {100 * one.choosing.error_rate:.1f}" for one in each.methods[:_SHOWN])
            told.append(f"{each.name}: AER on the first {first:,}: {best}")
        if each.too_long:
            told.append(f"{each.name}: {each.too_long} pairs are longer than it takes and have no link")
    return told


def as_json(figures: Figures) -> dict[str, Any]:
    """Everything for programs."""
    return {
        "pairs": figures.pairs,
        "chosen_on": figures.first,
        "systems": [
            {
                "name": each.name,
                "interval": each.interval and list(each.interval),
                "too_long": each.too_long,
                "methods": [
                    {"name": one.name, "choosing": one.choosing and one.choosing._asdict(), **one.errors._asdict()}
                    for one in each.methods
                ],
            }
            for each in figures.aligners
        ],
    }
