"""The border to the terminal: all text that the commands print for people passes here and is escaped.

`install` puts a filter before stdout and stderr, so that text of any origin passes it: results, messages, usage errors,
warnings and tracebacks. Data (translations, pieces, alignments, scores) are bytes and go around it, unchanged.
"""

import sys
from contextlib import suppress
from typing import IO, Any, TextIO

from nmt.escapes import visible, visible_line


class Filtered:
    """A text stream that shows control characters as escapes. It has no `buffer`, as bytes would pass unseen.

    Text that `may_be_lost` is dropped if it cannot be written.
    """

    def __init__(self, stream: TextIO, *, may_be_lost: bool):
        self.stream, self._fault = stream, OSError if may_be_lost else ()

    def write(self, text: str) -> int:
        """Write the text, escaped."""
        self.write_raw(visible(text))
        return len(text)

    def write_raw(self, text: str) -> None:
        """Write the text as it is."""
        with suppress(self._fault):
            self.stream.write(text)

    def flush(self) -> None:
        """Flush the stream."""
        with suppress(self._fault):
            self.stream.flush()

    def writelines(self, texts) -> None:
        """Write the texts one after the other."""
        for each in texts:
            self.write(each)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self.stream, name)


def install() -> None:
    """Filter stdout and stderr until the program ends; streams that are closed or filtered already stay.

    A result has to arrive. Messages need not: the reader of stderr may leave and its disk be full before the work ends.
    """
    for name, may_be_lost in (("stdout", False), ("stderr", True)):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, Filtered):
            setattr(sys, name, Filtered(stream, may_be_lost=may_be_lost))


def result(text: str) -> None:
    """Print a line of a result, or several, on stdout."""
    print(text, flush=True)


def message(text: str) -> None:
    """Print a message on stderr."""
    print(text, file=sys.stderr, flush=True)


def rewrite(text: str) -> None:
    """Write over the current line of the terminal that stderr is, and stay at its beginning."""
    stream = sys.stderr
    write = stream.write_raw if isinstance(stream, Filtered) else stream.write
    write(f"\r{visible_line(text)}\r")
    stream.flush()


def data() -> IO[bytes]:
    """Stdout as bytes, for data that its reader gets as they are."""
    stream = sys.stdout
    return (stream.stream if isinstance(stream, Filtered) else stream).buffer
