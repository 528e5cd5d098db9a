"""The tables of a comparison: facts as cells, in the units and with the digits in which people read them."""

from collections.abc import Callable
from statistics import fmean
from typing import Any, NamedTuple, Union

from nmt.analysis import marking
from nmt.analysis.marking import Span
from nmt.analysis.quality import Matrix
from nmt.analysis.report import Facts
from nmt.analysis.seeds import Spread, spread
from nmt.evaluation import checks, references
from nmt.evaluation.checks import Worst
from nmt.evaluation.metrics import SIGNIFICANT

NONE = "–"

Cell = Union[str, list[Span]]  # noqa: UP007 (a list of a class)


class Table(NamedTuple):
    """The first column names the rows."""

    title: str
    head: list[str]
    rows: list[list[Cell]]
    sentences: bool = False
    """Whether the second column holds sentences, and no figures."""


def summary(facts: Facts) -> Table:
    """Quality and cost, one row a run."""
    bleu, chrf = ([score.as_text() for score in column.scores] for column in facts.comparison.columns)
    columns = {
        "BLEU": bleu, "chrF2": chrf,
        "parameters": [f"{run.card['parameters'] / 1e6:.2f} M" for run in facts.runs],
        "training": [f"{run.card['training']['minutes']:.1f} min" for run in facts.runs],
        "tokens/s": [_if(run.tokens_per_second, "{:,.0f}") for run in facts.runs],
        "memory, training": [_if(run.memory, _megabytes) for run in facts.runs],
    }  # fmt: skip
    if facts.decodings:
        columns["sentences/s"] = [f"{each.speed:,.1f}" for each in facts.decodings]
        columns["memory, decoding"] = [_if(each.memory, _megabytes) for each in facts.decodings]
    columns["attention, H / log S"] = [_if(each, lambda entropy: f"{entropy.mean[1]:.2f}") for each in facts.entropies]
    rows = [[run.name, *(cells[number] for cells in columns.values())] for number, run in enumerate(facts.runs)]
    return Table("", ["", *columns], rows)


def against_first(facts: Facts) -> Table | None:
    """What is gained and paid beside the first run; None for one run."""
    if len(facts.runs) == 1:
        return None
    rows = [[run.name, *_beside(facts, number)] for number, run in enumerate(facts.runs) if number]
    head = ["BLEU", "p", "chrF2", "p", "parameters", "training", "memory, training"]
    head += ["sentences/s", "memory, decoding"] if facts.decodings else []
    return Table(f"Against {facts.runs[0].name}", ["", *head], rows)


def checked(facts: Facts) -> Table:
    """Numbers, placeholders and names that were kept, and other checks of what scores hide; one row a run."""
    head, *rows = checks.as_rows(facts.comparison.checks)
    named = [[run.name, *row] for run, row in zip(facts.runs, rows, strict=True)]
    return Table("Checks beside the scores", ["", *head], named)


def worst(facts: Facts) -> list[Table]:
    """Lines to look at, one table a line."""
    return [
        Table(f"{run.name}, line {each.line:,}", ["", "", ""], _rows(run.name, each), sentences=True)
        for run, lines in zip(facts.runs, facts.comparison.worst, strict=True)
        for each in lines
    ]  # fmt: skip


def _rows(name: str, found: Worst) -> list[list[Cell]]:
    reference, (hypothesis,) = marking.mark([found.hypothesis], found.references)
    rows: list[list[Cell]] = [["source", [Span(found.source)], ""], ["reference", reference, ""]]
    return [*rows, [name, hypothesis, ", ".join([*found.faults, f"{found.chrf:.1f}"])]]


def _beside(facts: Facts, number: int) -> list[str]:
    first, run = facts.runs[0], facts.runs[number]
    cells = []
    for column in facts.comparison.columns:
        cells.append(f"{column.scores[number].value - column.scores[0].value:+.2f}")
        cells.append(_p(facts.p_values[column.key][0][number], facts))
    cells.append(_times(run.card["parameters"], first.card["parameters"]))
    cells.append(_times(run.card["training"]["minutes"], first.card["training"]["minutes"]))
    cells.append(_times(run.memory, first.memory))
    if facts.decodings:
        here, there = facts.decodings[number], facts.decodings[0]
        cells += [_times(here.speed, there.speed), _times(here.memory, there.memory)]
    return cells


def significance(facts: Facts) -> list[Table]:
    """p of all pairs, where there are more than the first run's."""
    if len(facts.runs) < 3:
        return []
    names = [run.name for run in facts.runs]
    return [
        Table(
            f"{column.scores[0].name}: p of each pair", ["", *names],
            [[name, *(_p(p, facts) for p in row)] for name, row in zip(names, facts.p_values[column.key], strict=True)],
        )
        for column in facts.comparison.columns
    ]  # fmt: skip


def pairs(matrix: Matrix) -> int:
    """How many differences were tested."""
    return len(matrix) * (len(matrix) - 1) // 2


def _p(p: float | None, facts: Facts) -> str:
    """A star says that it is below 0.05 divided by the number of pairs (Bonferroni)."""
    if p is None:
        return NONE
    return f"{p:.4f}" + ("*" if p < SIGNIFICANT / pairs(facts.p_values["bleu"]) else "")


def seeds(facts: Facts) -> Table | None:
    """Means and deviations, one row a configuration; None where each has one seed."""
    if all(len(group.members) == 1 for group in facts.groups):
        return None
    bleu, chrf = ([score.value for score in column.scores] for column in facts.comparison.columns)
    measured = {
        "BLEU": (bleu, 2), "chrF2": (chrf, 2), "development loss": ([run.card["dev"]["loss"] for run in facts.runs], 3),
        "minutes": ([run.card["training"]["minutes"] for run in facts.runs], 1),
    }  # fmt: skip
    rows = [
        [group.name, str(len(group.members))]
        + [_spread(spread([values[run] for run in group.members]), digits) for values, digits in measured.values()]
        for group in facts.groups
    ]
    return Table("Means over seeds, with the deviation between them", ["", "seeds", *measured], rows)


def _spread(found: Spread, digits: int) -> str:
    return f"{found.mean:.{digits}f}" + ("" if found.deviation is None else f" ± {found.deviation:.{digits}f}")


def settings(facts: Facts) -> Table | None:
    """One column a configuration, one row a setting in which they differ; None where they do not."""
    columns = [group.members[0] for group in facts.groups]
    rows = [
        [each.name, *(_value(each.values[run]) for run in columns)]
        for each in facts.differences
        if any(each.values[run] != each.values[columns[0]] for run in columns)
    ]
    return Table("Settings that differ", ["", *(group.name for group in facts.groups)], rows) if rows else None


def budgets(facts: Facts) -> Table:
    """What each run was given, one column a run."""

    def told(name: str, show: Callable[[dict[str, Any]], str]) -> list[str]:
        return [name, *(show(run.card) for run in facts.runs)]

    rows = [
        told("training pairs", lambda card: f"{card['data']['pairs']:,}"),
        told("vocabulary", lambda card: "{source:,} / {target:,}".format(**card["vocabulary"])),
        told("updates", lambda card: f"{card['training']['steps']:,}"),
        told("target pieces seen", lambda card: f"{card['training']['target_tokens']:,}"),
        told("complete epochs", lambda card: f"{card['training']['epochs']:,}"),
        told("weights of update", lambda card: f"{card['dev']['step']:,}"),
        told("development loss", lambda card: f"{card['dev']['loss']:.3f}"),
        told("seed", lambda card: str(card["seed"])),
        told("precision", lambda card: card["precision"]),
        told("device, threads", lambda card: "{device}, {threads}".format(**card["machine"])),
        told("nmt, torch", lambda card: f"{card['nmt']}, {card['machine']['torch']}"),
        told("settings", lambda card: card["digest"]),
    ]
    return Table("What each run had", ["", *(run.name for run in facts.runs)], rows)


def lengths(facts: Facts) -> Table:
    """BLEU with intervals, one row a range of lengths."""
    rows = [
        [extent(each.shortest, each.longest), f"{each.sentences:,}", *(score.as_text() for score in each.scores)]
        for each in facts.buckets
    ]
    return Table("BLEU by words of the source", ["words", "sentences", *(run.name for run in facts.runs)], rows)


def extent(shortest: int, longest: int) -> str:
    """1–4, or 5 for 5–5."""
    return f"{shortest:,}" if shortest == longest else f"{shortest:,}–{longest:,}"


def decoding(facts: Facts) -> Table:
    """Speed and memory of the turns."""
    rows = [
        [run.name, f"{each.speed:,.1f}", "{:,.1f}–{:,.1f}".format(*each.range), _if(each.memory, _megabytes)]
        for run, each in zip(facts.runs, facts.decodings, strict=True)
    ]
    return Table("Decoding", ["", "sentences/s", "slowest–fastest turn", "memory"], rows)


def signatures(facts: Facts) -> Table:
    """What it takes to get the same scores again."""
    rows: list[list[Cell]] = [[each.scores[0].name, each.scores[0].signature] for each in facts.comparison.columns]
    rows += [[system.name, system.model.signature] for system in facts.comparison.systems]
    return Table("", ["", "signature"], rows, sentences=True)


def entropies(facts: Facts) -> Table:
    """Entropy of the attention to the source, one row a layer."""
    rows = []
    for run, found in zip(facts.runs, facts.entropies, strict=True):
        if found is None:
            why = "exported: shows none" if run.exported else "no attention, or no sentence that it takes whole"
            rows.append([run.name, NONE, NONE, NONE, why])
            continue
        for layer, (nats, share) in enumerate(zip(found.nats, found.share, strict=True), 1):
            heads = NONE if len(share) == 1 else f"{min(share):.2f}–{max(share):.2f} ({len(share)} heads)"
            rows.append([run.name, str(layer), f"{fmean(nats):.2f}", f"{fmean(share):.2f}", heads])
    return Table("Entropy of the attention", ["", "layer", "H, nats", "H / log S", "of the heads"], rows)


def examples(facts: Facts) -> list[Table]:
    """Source, reference and translations with the differences marked, one table a line."""
    names = [run.name for run in facts.runs]
    firsts = {group.members[0] for group in facts.groups}
    tables = []
    for line, better, worse in facts.examples:
        shown = sorted(firsts | {each for each in (better, worse) if each is not None})
        found = [facts.comparison.systems[run].hypotheses[line] for run in shown]
        chrf = [facts.sentence_chrf[run][line] for run in shown]
        (given,) = references.of_lines([[lines[line]] for lines in facts.test.references])
        reference, marked = marking.mark(found, given)
        title = f"Line {line + 1:,}"
        if better is not None:
            ahead = facts.sentence_chrf[better][line] - facts.sentence_chrf[worse][line]
            title += f": {names[better]} ahead of {names[worse]} by {ahead:.1f}"
        rows: list[list[Cell]] = [["source", [Span(facts.test.source[line])], ""], ["reference", reference, ""]]
        rows += [
            [names[run], spans, f"{score:.1f}"] for run, spans, score in zip(shown, marked, chrf, strict=True)
        ]
        tables.append(Table(title, ["", "", ""], rows, sentences=True))
    return tables


def _if(value: Any, show: str | Callable[[Any], str]) -> str:
    if value is None:
        return NONE
    return show.format(value) if isinstance(show, str) else show(value)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"


def _times(value: float | None, unit: float | None) -> str:
    return f"× {value / unit:.2f}" if value and unit else NONE


def _value(value: Any) -> str:
    """As a config says it."""
    if value is None or isinstance(value, bool):
        return {None: "null", False: "false", True: "true"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
