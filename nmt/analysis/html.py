"""A comparison as one HTML page that needs nothing beside it: no other file, no network, no script."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape

from nmt.analysis.curves import Plot
from nmt.analysis.sections import Block, Section
from nmt.analysis.tables import Cell, Table
from nmt.escapes import visible_line

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1c1c; --faint: #666; --line: #ddd; --differs: #fff0c2;
  --alone: #ffd0c8; --edge: #c0392b; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181b; --ink: #e4e4e4; --faint: #a0a0a0; --line: #3a3d42;
  --differs: #4a3f14; --alone: #5c261d; --edge: #ff8a75; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 75rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line); }
p { max-width: 48rem; color: var(--faint); margin: .6rem 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; }
thead th { white-space: normal; vertical-align: bottom; }
tbody th, thead th:first-child, th:first-child { text-align: left; padding-left: 0; }
table.sentences { width: 100%; max-width: 60rem; }
table.sentences td:nth-child(2) { text-align: start; white-space: normal; width: 100%; overflow-wrap: anywhere; }
table.sentences th { text-align: left; vertical-align: top; font-weight: 400; color: var(--faint); }
table.sentences td:last-child { vertical-align: top; }
mark { background: var(--differs); color: inherit; border-radius: .15rem; padding: 0 .1rem; }
mark.alone { background: var(--alone); border-bottom: 2px solid var(--edge); }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; }
.plots img { flex: 1 1 20rem; min-width: 0; max-width: 28rem; height: auto; }
@media print { body { max-width: none; padding: 0; font-size: .8rem; } h2, caption { break-after: avoid; }
  table.sentences, .plots img, tr { break-inside: avoid; } .wide { overflow: visible; }
  th, td { padding: .15rem .4rem; }
  mark { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def page(title: str, sections: Sequence[Section]) -> str:
    """The whole document."""
    body = "\n".join(
        f"<section>\n<h2>{_text(section.title)}</h2>\n" + "\n".join(map(_block, section.blocks)) + "\n</section>"
        for section in sections
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{_text(title)}</h1>
{body}
</body>
</html>
"""


def _block(block: Block) -> str:
    if isinstance(block, str):
        return f"<p>{_text(block)}</p>"
    if isinstance(block, Table):
        return _table(block)
    return f'<div class="plots">{"".join(map(_picture, block))}</div>'


def _picture(plot: Plot) -> str:
    data = b64encode(plot.svg.encode()).decode("ascii")
    return f'<img alt="{_text(plot.title)}" src="data:image/svg+xml;base64,{data}">'


def _table(table: Table) -> str:
    caption = f"<caption>{_text(table.title)}</caption>" if table.title else ""
    head = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in table.head)
    head = f"<thead><tr>{head}</tr></thead>" if any(table.head) else ""
    rows = "\n".join(
        f'<tr><th scope="row">{_cell(row[0])}</th>{"".join(_data(cell) for cell in row[1:])}</tr>' for row in table.rows
    )
    kind = ' class="sentences"' if table.sentences else ""
    return f'<div class="wide"><table{kind}>{caption}{head}<tbody>\n{rows}\n</tbody></table></div>'


def _data(cell: Cell) -> str:
    """A sentence is laid out in the direction of its own script."""
    return f"<td>{_cell(cell)}</td>" if isinstance(cell, str) else f'<td dir="auto">{_cell(cell)}</td>'


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return _text(cell)
    return "".join(_span(span.text, span.mark) for span in cell)


def _span(text: str, mark: str) -> str:
    word = text.rstrip()
    rest = _text(text[len(word) :])
    return _text(word) + rest if not mark else f'<mark class="{mark}">{_text(word)}</mark>{rest}'


def _text(text: str) -> str:
    return escape(visible_line(text))
