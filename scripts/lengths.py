"""How exact models are at each length of a task of scripts/data/sequences.py: a table, and with --picture a curve.

    python scripts/lengths.py --model runs/copy/ntm --model runs/copy/lstm --picture docs/copy.png

Each model answers data/TASK/test-LENGTH. `exact` is the share of lines without a fault, TER the faults a symbol.
"""

import argparse
import re
from pathlib import Path

from nmt import evaluate
from nmt.errors import DataError
from nmt.files import replacing

ROOT = Path(__file__).resolve().parents[1]


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


def measure(models: list[Path], sources: dict[int, Path]) -> dict[str, dict[int, dict[str, float]]]:
    """Scores by model, length and metric."""
    figures: dict[str, dict] = {}
    for length, source in sources.items():
        reference = source.with_name(re.sub(r"\.in\.", ".out.", source.name))
        compared = evaluate(models, source=source, references=[reference], metric=("exact", "ter"))
        for number, system in enumerate(compared.systems):
            scores = {column.key: column.scores[number].value for column in compared.columns}
            figures.setdefault(system.name, {})[length] = scores
    return figures


def table(figures: dict[str, dict[int, dict[str, float]]]) -> str:
    """In Markdown: a model a row, a length a column."""
    lengths = list(next(iter(figures.values())))
    lines = [["exact (TER)", *map(str, lengths)], ["---", *("---:" for _ in lengths)]]
    for name, scores in figures.items():
        cells = (f"{each['exact']:.1f} ({each['ter']:.1f})" for each in scores.values())
        lines.append([name, *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw(figures: dict[str, dict[int, dict[str, float]]], path: Path, task: str) -> None:
    """Exact lines against length, one curve a model."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, scores in figures.items():
        axes.plot(list(scores), [each["exact"] for each in scores.values()], marker="o", label=name)
    lengths = list(next(iter(figures.values())))
    axes.set(xlabel="length", ylabel="exact lines in per cent", title=task, xticks=lengths, ylim=(-3, 103))
    axes.axvspan(0, lengths[0], color="0.9", label="lengths in training")
    axes.set_xlim(0, lengths[-1] + 2)
    axes.legend()
    with replacing(path, "wb") as file:
        figure.savefig(file, format=path.suffix[1:], dpi=150)


if __name__ == "__main__":
    main()
