"""A comparison as Markdown, with its pictures in files of their own."""

from collections.abc import Callable, Sequence

from nmt.analysis.curves import Plot
from nmt.analysis.grid import grid
from nmt.analysis.sections import Block, Section
from nmt.analysis.tables import Cell, Table
from nmt.escapes import markdown as escape

_TAGS = {"differs": "i", "alone": "b"}
"""Stars would not do: they count as marks beside letters and blanks alone, and a comma can be what differs."""


def page(title: str, sections: Sequence[Section], *, place: Callable[[Plot], str]) -> str:
    """The whole text; `place` says where a plot's file is."""
    parts = [f"# {escape(title)}"]
    for section in sections:
        parts.append(f"## {section.title}")
        parts += [_block(block, place) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def _block(block: Block, place: Callable[[Plot], str]) -> str:
    if isinstance(block, str):
        return escape(block)
    if isinstance(block, Table):
        return table(block)
    return "\n".join(f"![{escape(plot.title)}]({place(plot)})" for plot in block)


def table(shown: Table) -> str:
    """Names and sentences to the left, figures to the right; padded, but for sentences, whom it would not help."""
    rows = [[_cell(cell) for cell in row] for row in [shown.head, *shown.rows]]
    text = grid(rows, left=1 + shown.sentences, padded=not shown.sentences)
    return f"**{escape(shown.title)}**\n\n{text}" if shown.title else text


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return escape(cell)
    parts = []
    for span in cell:
        word, tag = span.text.rstrip(), _TAGS.get(span.mark)
        shown = f"<{tag}>{escape(word)}</{tag}>" if word and tag else escape(word)
        parts.append(shown + span.text[len(word):])
    return "".join(parts).rstrip()
