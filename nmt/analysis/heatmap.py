"""Attention as pictures, by matplotlib: source above, target to the left, the darker the more weight.

What a picture shows alone decides its bytes. Its size follows the number of tokens, so that each label has its room.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from nmt.analysis.attention import Map
from nmt.analysis.contexts import Contexts
from nmt.analysis.fonts import fonts_for, quietly
from nmt.analysis.text import columns as wide
from nmt.analysis.text import fit
from nmt.escapes import visible_line

_CELL, _SMALL_CELL = 0.26, 0.13
"""Inches of a token in a picture alone, and in one among others."""
_LABEL, _SMALL_LABEL = 9, 6
"""Points of a label: what fits into a cell."""
_COLOURS = "Blues"
_DOTS, _MOST_DOTS = 150, 4_000
"""Dots per inch, and most of a side: a larger picture gets fewer per inch. 240 by 240 labels take 0.7 GB."""
_LONGEST, _HEADING = 28, 50
"""Characters of a label, and of a sentence above the bars of a word."""
_STYLE = {
    "text.usetex": False, "text.parse_math": False, "axes.unicode_minus": False,
    "svg.fonttype": "none", "svg.hashsalt": "nmt", "pdf.fonttype": 42, "font.size": 9,
}  # fmt: skip
_SAME_BYTES = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def draw(grid: Sequence[Sequence[Map]], title: str, *, format: str) -> tuple[bytes, str]:
    """Rows of maps as a file's content, and the characters for which no font was found (boxes in PNG and PDF)."""
    first, single = grid[0][0], len(grid) == len(grid[0]) == 1
    cell = _CELL if single else _SMALL_CELL
    names = [_label(each) for each in (*first.queries, *first.keys)]
    with _style([*names, title]) as missing:
        longest = max(map(len, names)) * (0.08 if single else 0.055)
        width, height = (max(len(names) * cell, 1.2) for names in (first.keys, first.queries))
        columns, rows = len(grid[0]), len(grid)
        size = (max(columns * (width + 0.15) + longest + 1.2, 5), rows * (height + 0.35) + longest + 0.7)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
        top = max(float(each.weights.max()) for each in chain(*grid))
        for row, maps in enumerate(grid):
            for column, each in enumerate(maps):
                picture = _draw_map(axes[row, column], each, top, edge=(row == 0, column == 0), single=single)
        figure.colorbar(picture, ax=axes, label="weight", shrink=min(1.0, 4 / size[1]), aspect=25, pad=0.02)
        figure.suptitle(_short(first.title) if single else title, fontsize=10)
        return _save(figure, format), "".join(missing)


def draw_contexts(contexts: Contexts, *, format: str) -> tuple[bytes, str]:
    """A word in its sentences, side by side: a bar for each word. Returns what `draw` does."""
    texts = [each for panel in contexts.panels for bars in panel.bars for each, _ in bars]
    heads = [text for each in contexts.sentences for text in (each.source, each.target)]
    with _style(map(visible_line, [*texts, *heads, contexts.word])) as missing:
        rows, columns = len(contexts.panels), len(contexts.sentences)
        heights = [max(map(len, panel.bars)) * 0.2 + 0.7 for panel in contexts.panels]
        height, room = sum(heights) + 0.8, max(wide(_label(each)) for each in texts) * 0.08
        figure = Figure(figsize=((3.2 + room) * columns, height), layout="constrained")
        figure.get_layout_engine().set(rect=(0, 0, 1, 1 - 0.4 / height))  # the sentences stand above
        axes = figure.subplots(rows, columns, squeeze=False, height_ratios=heights)
        for row, panel in zip(axes, contexts.panels, strict=True):
            top = max(weight for bars in panel.bars for _, weight in bars) or 1
            for place, bars in zip(row, panel.bars, strict=True):
                _draw_bars(place, bars, top)
            row[0].set_title(visible_line(panel.title), fontsize=8, loc="left")
        for place, sentence in zip(axes[0], contexts.sentences, strict=True):
            source, target = (fit(visible_line(each), _HEADING) for each in (sentence.source, sentence.target))
            heading = f"{source}\n→ {target}"
            above = place.annotate(heading, (0, 1), (0, 24), xycoords="axes fraction", textcoords="offset points")
            above.set_in_layout(False)  # long ones would squeeze the bars
        return _save(figure, format), "".join(missing)


@contextmanager
def _style(texts: Iterable[str]) -> Iterator[str]:
    """Ours, and no setting of the user's; gives the characters that no font has."""
    with quietly(), matplotlib.rc_context():
        families, missing = fonts_for([*texts, "…→“”"])
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**_STYLE, "font.family": families})
        yield missing


def _draw_map(axes: Axes, one: Map, top: float, *, edge: tuple[bool, bool], single: bool) -> AxesImage:
    """`edge`: whether the labels of the keys, and of the queries, are to be seen here."""
    picture = axes.imshow(one.weights, cmap=_COLOURS, vmin=0, vmax=top or 1, aspect="auto", interpolation="nearest")
    size = _LABEL if single else _SMALL_LABEL
    keys, queries = (
        [_label(each) for each in names] if seen else []
        for names, seen in zip((one.keys, one.queries), edge, strict=True)
    )
    axes.set_xticks(range(len(keys)), keys, rotation=90, fontsize=size)
    axes.set_yticks(range(len(queries)), queries, fontsize=size)
    axes.tick_params(length=0, labelbottom=False, labeltop=True)
    if not single:
        axes.set_title(one.title.split(": ")[1], fontsize=7)
    return picture


def _draw_bars(axes: Axes, bars: list[tuple[str, float]], top: float) -> None:
    names, weights = zip(*bars, strict=True)
    axes.barh(range(len(bars)), weights, color="tab:blue")
    axes.set_yticks(range(len(bars)), [_label(each) for each in names], fontsize=8)
    axes.set_xlim(0, top * 1.15)
    axes.invert_yaxis()
    axes.tick_params(axis="x", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    for place, weight in enumerate(weights):
        axes.text(weight, place, f" {weight:.0%}", va="center", fontsize=7)


def _save(figure: Figure, format: str) -> bytes:
    FigureCanvasAgg(figure)
    content = io.BytesIO()
    dots = min(_DOTS, _MOST_DOTS / max(figure.get_size_inches()))
    figure.savefig(content, format=format, dpi=dots, metadata=_SAME_BYTES[format])
    return content.getvalue()


def _label(token: str) -> str:
    return _short(token, _LONGEST)


def _short(text: str, most: int = 90) -> str:
    text = visible_line(text)
    return text if len(text) <= most else text[: most - 1] + "…"
