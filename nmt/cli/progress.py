"""Progress on stderr: one line that keeps changing on a terminal, a new line now and then elsewhere."""

import shutil
import sys
import time

from nmt.cli import terminal
from nmt.escapes import visible_line

PLAIN_EVERY, REFRESH_EVERY = 10.0, 0.1
"""Seconds between lines where stderr is no terminal, and between two states of the line where it is."""


class Progress:
    """States that replace each other (`move`), and lines that stay (`note`)."""

    def __init__(self) -> None:
        self.on_terminal = sys.stderr.isatty()
        self._shown = time.monotonic()
        self._width = 0  # of the state on the terminal

    def move(self, text: str, *, now: bool = False) -> None:
        """Show a state, unless the last one came only a moment ago or it must be shown `now`."""
        if not now and time.monotonic() - self._shown < (REFRESH_EVERY if self.on_terminal else PLAIN_EVERY):
            return
        self._shown = time.monotonic()
        if not self.on_terminal:
            terminal.message(text)
            return
        text = visible_line(text)[: shutil.get_terminal_size().columns - 1]
        terminal.rewrite(text.ljust(self._width))
        self._width = len(text)

    def clear(self) -> None:
        """Wipe the state off the terminal."""
        if self._width:
            self.move("", now=True)

    def note(self, text: str) -> None:
        """Show a line that stays."""
        self.clear()
        terminal.message(text)


def duration(seconds: float) -> str:
    """Hours, minutes and seconds: 3:07, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
