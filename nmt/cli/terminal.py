"""The border to the terminal: all text that the commands print for people passes here and is escaped.

`install` puts a filter before stdout and stderr, so that text of any origin passes it: results, messages, usage errors,
warnings and tracebacks. Data (translations, pieces, alignments, scores) are bytes and go around it, unchanged.
"""

import sys
from typing import IO, Any, TextIO

from nmt.escapes import visible, visible_line


class Filtered:
    """A text stream that shows control characters as escapes. It has no `buffer`, as bytes would pass unseen."""

    def __init__(self, stream: TextIO):
        self.stream = stream

    def write(self, text: str) -> int:
        """Write the text, escaped."""
        self.stream.write(visible(text))
        return len(text)

    def writelines(self, texts) -> None:
        """Write the texts one after the other."""
        for each in texts:
            self.write(each)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self.stream, name)


def install() -> None:
    """Filter stdout and stderr until the program ends; streams that are closed or filtered already stay."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, Filtered):
            setattr(sys, name, Filtered(stream))


def result(text: str) -> None:
    """Print a line of a result, or several, on stdout."""
    print(text, flush=True)


def message(text: str) -> None:
    """Print a message on stderr."""
    print(text, file=sys.stderr, flush=True)


def rewrite(text: str) -> None:
    """Write over the current line of the terminal that stderr is, and stay at its beginning."""
    stream = _unfiltered(sys.stderr)
    stream.write(f"\r{visible_line(text)}\r")
    stream.flush()


def data() -> IO[bytes]:
    """Stdout as bytes, for data that its reader gets as they are."""
    return _unfiltered(sys.stdout).buffer


def _unfiltered(stream: TextIO | Filtered) -> TextIO:
    return stream.stream if isinstance(stream, Filtered) else stream
