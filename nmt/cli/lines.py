"""Lines between a command and the world: named files, or stdin and stdout, in UTF-8 with LF on every platform."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from time import monotonic
from typing import Any

import typer

from nmt import files
from nmt.errors import NMTError

_CHUNK = 1 << 16  # bytes
_PATIENCE = 0.05  # seconds that a line waits for company
_FIRST = 64  # lines of the first window, so that the first output comes soon


@contextmanager
def writer(path: Path | None, *, inputs: tuple[Path | None, ...] = ()) -> Iterator[Callable[[str], None]]:
    """A function that writes a line: to stdout, or to a file that takes its place only when all went well.

    Raises NMTError when `path` is one of the inputs, or something else than a file.
    """
    if path is None:
        yield lambda line: _write(sys.stdout.buffer, line)
        sys.stdout.buffer.flush()  # here, where the border sees it fail
        return
    if path.exists() and not path.is_file():
        raise NMTError(f"{path}: is no regular file", hint="without --output the result goes to stdout")
    if any(each and each.exists() and path.exists() and path.samefile(each) for each in inputs):
        raise NMTError(f"{path}: is both input and output", hint="name another file")
    with files.replacing(path, "wb") as file:
        yield lambda line: _write(file, line)


def _write(stream, line: str) -> None:
    stream.write(line.encode("utf-8") + b"\n")


def note(text: str) -> None:
    """Tell the user something beside the result."""
    typer.echo(f"note: {text}", err=True)


def as_json(value: dict[str, Any]) -> str:
    """One line, whatever counts as a line break for its reader; six decimals."""
    text = json.dumps(_rounded(value), ensure_ascii=False, allow_nan=False)
    return text.replace("\x85", "\\u0085").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value


def flush() -> None:
    """Show what was written to stdout so far."""
    sys.stdout.buffer.flush()


def stdin_windows(most: int) -> Iterator[list[str]]:
    """The lines of stdin in groups of at most `most`: those that come together, so that none waits long for the next.

    Raises DataError, after the lines before, when a line is not UTF-8.
    """
    from nmt.data.text import decode_lines

    # Unbuffered: a thread that waits inside a buffer would hold its lock when the interpreter ends.
    stream = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
    return windows(decode_lines(iter(lambda: stream.read(_CHUNK), b""), "stdin"), most)


def windows(lines: Iterator[str], most: int) -> Iterator[list[str]]:
    """Lines in groups, each closed soon after its first line came, or when it is full: few lines first, then `most`."""
    size = min(_FIRST, most)
    queue: Queue[str | BaseException] = Queue(most)
    Thread(target=_read, args=(lines, queue), daemon=True).start()
    while True:
        item = _wait(queue)
        window, closing = [], monotonic() + _PATIENCE
        while isinstance(item, str):
            window.append(item)
            try:
                item = queue.get(timeout=max(0, closing - monotonic())) if len(window) < size else None
            except Empty:
                item = None
        if window:
            yield window
        size = min(2 * size, most) if len(window) == size else size
        if isinstance(item, StopIteration):
            return
        if item is not None:
            raise item


def _read(lines: Iterator[str], queue: Queue) -> None:
    try:
        for line in lines:
            queue.put(line)
        queue.put(StopIteration())
    except BaseException as error:  # it belongs to the thread that asks for the lines
        queue.put(error)


def _wait(queue: Queue):
    while True:
        try:
            return queue.get(timeout=0.5)  # Windows hears Ctrl-C only between two waits
        except Empty:
            continue
