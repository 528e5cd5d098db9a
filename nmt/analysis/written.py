"""A comparison on the disk: one HTML page, or a folder with that, the same in Markdown, the pictures, and the facts.

    report.html  report.md  facts.json  pictures/*.svg
"""

import json
import math
from pathlib import Path
from typing import Any

from nmt import files, locks
from nmt.analysis import html, markdown
from nmt.analysis.curves import Plot
from nmt.analysis.report import Facts
from nmt.analysis.sections import sections, title
from nmt.errors import NMTError

HTML, MARKDOWN, FACTS, PICTURES = "report.html", "report.md", "facts.json", "pictures"


def require(output: Path) -> None:
    """Raise NMTError where a report cannot be written, or not without taking the place of something else."""
    files.check_above(output)
    files.check_not_here(output)
    if is_page(output):
        if output.exists() and not output.is_file():
            raise NMTError(f"{output}: is no regular file", hint="give another name")
    elif output.exists() and not output.is_dir():
        raise NMTError(f"{output}: is a file, not a folder", hint="a page's name ends in .html")
    elif output.is_dir():
        strange = sorted({each.name for each in output.iterdir()} - {HTML, MARKDOWN, FACTS, PICTURES})
        strange += sorted(f"{PICTURES}/{each.name}" for each in _inside(output / PICTURES) if each.suffix != ".svg")
        if strange:
            raise NMTError(f"{output}: holds something else than a report: {strange[0]}", hint="name a new folder")
        if _inside(output) and not (output / FACTS).is_file():
            raise NMTError(f"{output}: holds something else than a report", hint="name a new folder")


def _inside(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def is_page(output: Path) -> bool:
    """Whether a name asks for the page alone."""
    return output.suffix.lower() in (".html", ".htm")


def write(facts: Facts, output: Path, *, command: str) -> None:
    """All or nothing, in the place of an older report."""
    name, shown = title(facts), sections(facts, command=command)
    page = html.page(name, shown)
    if is_page(output):
        files.write_text(output, page)
        return
    with locks.claimed(output, what="a report"), files.replacing_folder(output) as folder:
        files.write_text(folder / HTML, page)
        files.write_text(folder / MARKDOWN, markdown.page(name, shown, place=_place))
        files.write_text(folder / FACTS, json.dumps(plain(facts), indent=1, allow_nan=False) + "\n")
        blocks = [block for section in shown for block in section.blocks]
        for plot in (plot for block in blocks if isinstance(block, list) for plot in block):
            files.write_text(folder / _place(plot), plot.svg)


def _place(plot: Plot) -> str:
    return f"{PICTURES}/{plot.name}.svg"


def plain(value: Any) -> Any:
    """Facts as JSON has them: fields by name, paths as text, NaN as null."""
    if hasattr(value, "_asdict"):
        return {name: plain(inner) for name, inner in value._asdict().items()}
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, Path):
        return str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
