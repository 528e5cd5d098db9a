"""Marks of translations that repeat a phrase or hit the length limit, and how many lines have them."""

from collections.abc import Iterable
from typing import NamedTuple


class Marks(NamedTuple):
    """Possible faults of a translation, or of any of its parts."""

    searched_again: bool = False
    """Its first search gave a loop (see loops.py), so there was a second one."""
    loops: bool = False
    """It holds a loop."""
    at_limit: bool = False
    """It is as long as the search allows, so it was most likely cut off."""

    @classmethod
    def of(cls, parts: Iterable["Marks"]) -> "Marks":
        """The marks of a line from those of its parts."""
        return cls(*map(any, zip(*parts, strict=True)))


class MarkCount(NamedTuple):
    """Lines with each mark."""

    searched_again: int = 0
    loops: int = 0
    at_limit: int = 0

    def plus(self, marks: Marks) -> "MarkCount":
        """The count with one more line."""
        return MarkCount(*(count + mark for count, mark in zip(self, marks, strict=True)))

    def notes(self) -> list[str]:
        """A sentence for each mark that any line has, to be printed."""
        found = []
        if self.searched_again:
            found.append(f"{_lines(self.searched_again, 'was', 'were')} searched again because a phrase was repeated")
        if self.loops:
            found.append(f"{_lines(self.loops, 'repeats', 'repeat')} a phrase")
        if self.at_limit:
            found.append(f"{_lines(self.at_limit, 'has', 'have')} hit the length limit, see search.max_length")
        return found


def _lines(count: int, one: str, several: str) -> str:
    return f"1 line {one}" if count == 1 else f"{count:,} lines {several}"
