"""Fonts for text of any script, of those that are installed."""

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from matplotlib import font_manager

FIRST = "DejaVu Sans"
"""Comes with matplotlib: Latin, Greek, Cyrillic, Arabic and Hebrew letters, and many symbols."""

_NO_FONT = "Last Resort"
"""Comes with it too, and has a box for each character."""


def fonts_for(texts: Iterable[str]) -> tuple[list[str], str]:
    """Families that together have the characters of the texts, and the characters that none has."""
    missing = {each for text in texts for each in text if each != "\n"} - _characters(FIRST)
    families = [FIRST]
    others = {each.name for each in font_manager.fontManager.ttflist if not each.name.startswith(_NO_FONT)} - {FIRST}
    for name in sorted(others):
        if not missing:
            break
        found = missing & _characters(name)
        if found:
            families.append(name)
            missing -= found
    return families, "".join(sorted(missing))


@contextmanager
def quietly() -> Iterator[None]:
    """Without what matplotlib has to say of fonts that are not quite as asked for, or lack a character."""
    logger = logging.getLogger("matplotlib.font_manager")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph ")
            yield
    finally:
        logger.setLevel(level)


def _characters(family: str) -> set[str]:
    """Those of a family's usual face; none of a face of pixels, as of coloured emoji, which has not every size."""
    try:
        path = font_manager.findfont(font_manager.FontProperties(family=[family]), fallback_to_default=False)
        font = font_manager.get_font(Path(path))
    except (OSError, RuntimeError, ValueError):  # a font that was removed, or is of no use
        return set()
    return {chr(each) for each in font.get_charmap()} if font.scalable else set()
