"""Plots of a comparison as SVG, on no background and in a grey that is read on light paper and on a dark screen."""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import fmean
from typing import Any, NamedTuple

from nmt import packages
from nmt.analysis import tables
from nmt.analysis.report import Facts
from nmt.analysis.seeds import Group
from nmt.errors import NMTError
from nmt.escapes import visible_line

INK = "#7a7a7a"
COLOURS = ("#0077bb", "#ee7733", "#009988", "#cc3377", "#ddaa33", "#33a5d4", "#aa4499", "#888844")
"""Told apart also by those who see no red or no green; after the last the first comes again, dashed, and so on."""
DASHES = ("-", "--", ":", "-.")
STYLE = {
    "svg.fonttype": "none", "svg.hashsalt": "nmt", "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Helvetica", "Liberation Sans", "DejaVu Sans"], "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.titlesize": 10,
    "grid.alpha": 0.25, "legend.frameon": False, "legend.fontsize": 8, "lines.linewidth": 1.6,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color",
         "grid.color"),
        INK,
    ),
}  # fmt: skip


class Plot(NamedTuple):
    """A picture and what it shows."""

    name: str
    """Of its file, without the ending."""
    title: str
    svg: str


def require() -> None:
    """Raise NMTError when matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        hint = packages.install("plots")
        raise NMTError("the plots need matplotlib, which is not installed", hint=hint) from error


COURSES = (
    ("training-loss", "Training loss, nats a piece", lambda log: [(each, each.loss) for each in log.progress], ""),
    ("development-loss", "Development loss, nats a piece", lambda log: [(each, each.loss) for each in log.evaluations],
     "."),
    ("development-bleu", "Development BLEU", lambda log: [(each, each.bleu) for each in log.evaluations], "."),
)  # fmt: skip
"""Name, title, (line of the log, value) and the sign of a point."""


def learning(facts: Facts) -> list[Plot]:
    """Loss of training, loss and BLEU on the development text, over updates and over minutes; none without logs."""
    plots = []
    for axis, place in (("updates", lambda line: line.step), ("minutes", lambda line: line.minutes)):
        for name, title, course, marker in COURSES:
            lines = [[(place(line), value) for line, value in course(run.log)] if run.log else [] for run in facts.runs]
            if any(lines):
                with _axes(f"{title}, over {axis}", axis) as (axes, drawn):
                    _lines(axes, facts, lines, marker=marker)
                plots.append(Plot(f"{name}-{axis}", f"{title}, over {axis}", drawn[0]))
    return plots


def _lines(axes: Any, facts: Facts, lines: list[list[tuple[float, float]]], *, marker: str) -> None:
    for member, look in _looks(facts, lines):
        x, y = zip(*lines[member], strict=True)
        axes.plot(x, y, marker=marker, **look)
    axes.set_xlim(left=0)
    _legend(axes, facts)


def lengths(facts: Facts) -> Plot:
    """BLEU by the length of the source, with intervals."""
    title = "BLEU by words of the source"
    places = range(len(facts.buckets))
    with _axes(title, "words of the source (sentences)", width=5.2) as (axes, drawn):
        for member, look in _looks(facts, facts.runs):
            aside = 0.06 * (member - (len(facts.runs) - 1) / 2)  # so that no interval hides another
            scores = [bucket.scores[member] for bucket in facts.buckets]
            axes.errorbar(
                [place + aside for place in places], [score.value for score in scores],
                yerr=[score.interval.half_width for score in scores], marker=".", elinewidth=0.8, **look,
            )  # fmt: skip
        names = [f"{tables.extent(each.shortest, each.longest)}\n({each.sentences:,})" for each in facts.buckets]
        axes.set_xticks(places, names)
        axes.set_ylim(bottom=0)
        _legend(axes, facts, place="lower left")
    return Plot("length", title, drawn[0])


def costs(facts: Facts) -> list[Plot]:
    """BLEU, with its interval, against minutes of training, sentences a second and parameters."""
    against = {
        "training": ("minutes of training", [run.card["training"]["minutes"] for run in facts.runs]),
        "decoding": ("sentences decoded a second", [each.speed for each in facts.decodings]),
        "parameters": ("million parameters", [run.card["parameters"] / 1e6 for run in facts.runs]),
    }
    scores, plots = facts.comparison.columns[0].scores, []
    for name, (label, cost) in against.items():
        if not cost:
            continue
        with _axes(f"BLEU against {label}", label) as (axes, drawn):
            for member, look in _looks(facts, facts.runs):
                score = scores[member]
                axes.errorbar(
                    [cost[member]], [score.value], yerr=[score.interval.half_width], marker="o", elinewidth=0.8, **look
                )
            axes.set_xlim(0, 1.15 * max(cost) or 1)
            _legend(axes, facts)
        plots.append(Plot(f"bleu-{name}", f"BLEU against {label}", drawn[0]))
    return plots


def entropies(facts: Facts) -> Plot | None:
    """Share of the largest entropy in each layer, a dot a head; None when no model has any attention to show."""
    title = "Entropy of the attention to the source, share of log S"
    if not any(facts.entropies):
        return None
    with _axes(title, "layer") as (axes, drawn):
        for member, look in _looks(facts, facts.entropies):
            share = facts.entropies[member].share
            for layer, heads in enumerate(share, 1):
                axes.plot([layer] * len(heads), heads, ".", color=look["color"], alpha=0.5, markersize=5)
            axes.plot(range(1, len(share) + 1), [fmean(heads) for heads in share], marker="o", **look)
        axes.set_ylim(0, 1.04)  # a point at 1 is seen whole
        axes.set_xticks(range(1, max(len(each.share) for each in facts.entropies if each) + 1))
        _legend(axes, facts)
    return Plot("entropy", title, drawn[0])


@contextmanager
def _axes(title: str, x: str, *, width: float = 4.0) -> Iterator[tuple[Any, list[str]]]:
    """Axes to draw on, and a list that holds the SVG when the block has ended."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names in letters that the measuring font has not; the reader's font counts
        figure = Figure(figsize=(width, 2.9), layout="constrained")
        FigureCanvasSVG(figure)
        axes, drawn = figure.add_subplot(), []
        axes.set(title=title, xlabel=x)
        yield axes, drawn
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
        drawn.append(written.getvalue())


def _looks(facts: Facts, shown: Sequence[Any]) -> Iterator[tuple[int, dict[str, str | None]]]:
    """The runs of which there is something to be shown, each with its look.

    The seeds of a configuration share colour and dashes, and the first of them has its name for the legend.
    """
    for number, group in enumerate(facts.groups):
        colour, dashes = COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]
        members = [member for member in group.members if shown[member]]
        for member in members:
            label = _label(group) if member == members[0] else None
            yield member, {"color": colour, "linestyle": dashes, "label": label}


def _label(group: Group) -> str:
    """The name as it is: matplotlib takes what stands between dollars for mathematics, and hides what begins with _."""
    return re.sub("^_", "\u200b_", visible_line(group.name).replace("$", r"\$"))


def _legend(axes: Any, facts: Facts, *, place: str = "best") -> None:
    if len(facts.groups) > 1 and axes.get_legend_handles_labels()[0]:
        axes.legend(loc=place)
