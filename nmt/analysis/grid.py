"""A table of text in Markdown, its columns aligned, so that it is read as it is too."""

from collections.abc import Sequence

from nmt.escapes import visible_line

_NARROWEST = 3  # of a rule


def grid(rows: Sequence[Sequence[str]], *, left: int = 1, padded: bool = True) -> str:
    """The first row is the head; the first `left` columns stand to the left, as names do, and figures to the right."""
    rows = [[visible_line(cell) for cell in row] for row in rows]  # so that the columns stay aligned
    widths = [max(_NARROWEST, *map(len, column)) if padded else _NARROWEST for column in zip(*rows, strict=True)]
    sides = [str.ljust if number < left else str.rjust for number in range(len(widths))]
    rule = ["-" * width if number < left else "-" * (width - 1) + ":" for number, width in enumerate(widths)]
    cells = (
        [side(cell, width) for side, cell, width in zip(sides, row, widths, strict=True)]
        for row in [rows[0], rule, *rows[1:]]
    )
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
