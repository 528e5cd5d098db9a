"""How exact models are at each length of a task of scripts/data/sequences.py: a table, and with --picture a curve.

    python scripts/lengths.py --model runs/copy/ntm --model runs/copy/lstm --picture docs/copy.png

Each model answers data/TASK/test-LENGTH. `exact` is the share of lines without a fault, `right so far` the part of a
line before its first fault, in the mean.
"""

import argparse
import sys
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from nmt import evaluate
from nmt.data.text import read_lines
from nmt.errors import DataError, NMTError
from nmt.files import replacing

ROOT = Path(__file__).resolve().parents[1]


class Shares(NamedTuple):
    """In per cent."""

    exact: float
    right_so_far: float


Figures = dict[str, dict[int, Shares]]
"""By model and length."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--model", type=Path, action="append", required=True, help="a run or bundle; repeatable")
    add("--task", default="copy", help="folder in data/ (default: copy)")
    add("--picture", type=Path, help="draw the curves there; .png, .svg or .pdf (needs matplotlib)")
    options = parser.parse_args()
    figures = measure(options.model, tests(ROOT / "data" / options.task))
    print(table(figures))
    if options.picture:
        draw(figures, options.picture, options.task)


def tests(folder: Path) -> dict[int, Path]:
    """The sources of one length each, by that length."""
    found = {int(path.name[5:-6]): path for path in folder.glob("test-*.in.gz")}
    if not found:
        raise DataError(f"{folder}: holds no test-LENGTH.in.gz", hint="python scripts/data/sequences.py writes them")
    return dict(sorted(found.items()))


def measure(models: list[Path], sources: dict[int, Path]) -> Figures:
    """Both shares in per cent, by model and length."""
    figures: Figures = {}
    for length, source in sources.items():
        reference = source.with_name(source.name.replace(".in.", ".out."))
        compared = evaluate(models, source=source, references=[reference], metric=["exact"])
        references = list(read_lines(reference))
        for system, score in zip(compared.systems, compared.columns[0].scores, strict=True):
            parts = map(right_so_far, system.hypotheses, references)
            figures.setdefault(system.name, {})[length] = Shares(score.value, 100 * sum(parts) / len(references))
    return figures


def right_so_far(hypothesis: str, reference: str) -> float:
    """The share of the reference's symbols before the first that the hypothesis has otherwise."""
    expected = reference.split()
    same = (mine == right for mine, right in zip(hypothesis.split(), expected, strict=False))
    return len(list(takewhile(bool, same))) / len(expected)


def table(figures: Figures) -> str:
    """In Markdown: a model a row, a length a column."""
    lengths = list(next(iter(figures.values())))
    lines = [["exact (right so far)", *map(str, lengths)], ["---", *("---:" for _ in lengths)]]
    for name, scores in figures.items():
        lines.append([name, *(f"{each.exact:.1f} ({each.right_so_far:.1f})" for each in scores.values())])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw(figures: Figures, path: Path, task: str) -> None:
    """Exact lines against length, one curve a model."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    lengths = list(next(iter(figures.values())))
    axes.axvspan(0, lengths[0], color="0.9", label="lengths in training")
    for name, scores in figures.items():
        axes.plot(lengths, [each.exact for each in scores.values()], marker="o", label=name)
    axes.set(xlabel="length", ylabel="exact lines in per cent", title=task, xticks=lengths, ylim=(-3, 103))
    axes.set_xlim(0, lengths[-1] + 2)
    axes.legend()
    with replacing(path, "wb") as file:
        figure.savefig(file, format=path.suffix[1:], dpi=150)


if __name__ == "__main__":
    try:
        main()
    except NMTError as error:
        sys.exit(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
