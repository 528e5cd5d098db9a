"""Lines between a command and the world: named files, or stdin and stdout, in UTF-8 with LF on every platform."""

import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from time import monotonic, sleep
from typing import IO, Annotated, Any, Literal, NamedTuple

import typer

from nmt import files, streams
from nmt.cli import terminal
from nmt.errors import DataError, NMTError
from nmt.escapes import visible

STDIN, STDOUT, STDERR = 0, 1, 2
Precision = Annotated[Literal["auto", "float32", "bfloat16"], typer.Option(help="auto: what the device is fastest in.")]
Models = Annotated[list[Path], typer.Option(help="A run folder or a model bundle; several are an ensemble.")]
Tag = Annotated[str | None, typer.Option(help="What the model is to do, one of its tags; put before each source.")]
TestTag = Annotated[str | None, typer.Option(help="Before each source [the test set's in the config].")]
Tokenize = Annotated[
    str | None,
    typer.Option(help="BLEU: sacreBLEU's tokenizer, such as 13a, intl, zh, char [follows the target language]."),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes that share the threads [as many as pay].")]

_CHUNK = 1 << 16  # bytes
_RETRY = 0.02  # seconds until a pipe that does not block is asked again
_PATIENCE = 0.05  # seconds that a line waits for company
_FIRST = 64  # lines of the first window, so that the first output comes soon


class Writer(NamedTuple):
    """Writes lines to a stream."""

    stream: IO[bytes]
    live: bool
    """Whether somebody may read the lines while they are written."""

    def __call__(self, line: str) -> None:
        """Write a line."""
        rest = line.encode("utf-8") + b"\n"
        while rest:
            try:
                rest = rest[self.stream.write(rest) :]
            except BlockingIOError as full:  # some programs leave a terminal or pipe that does not block
                rest = rest[full.characters_written :]
                sleep(_RETRY)

    def flush(self) -> None:
        """Show a reader what was written so far."""
        while self.live:
            try:
                return self.stream.flush()
            except BlockingIOError:
                sleep(_RETRY)

    def on_terminal(self) -> bool:
        """Whether a person sees the lines."""
        return self.live and self.stream.isatty()


@contextmanager
def writer(path: Path | None, *, inputs: Iterable[Path | int | None]) -> Iterator[Writer]:
    """A writer to stdout, to a stream (see nmt.streams), or to a file that takes its place only when all went well.

    Raises NMTError when it would write what it reads (`inputs`, as paths or descriptors), and as `check_place` does.
    """
    from nmt.data.text import packed

    if path is not None:
        check_place(path, stream=True)
    check_input(STDOUT if path is None else path, inputs)
    if path is None:
        write = Writer(terminal.data(), live=True)
        yield write
        write.flush()  # here, where the border sees it fail
    elif not streams.is_stream(path):
        with files.replacing(path, "wb") as file, packed(file, path) as stream:
            yield Writer(stream, live=False)
    else:
        with files.naming(path), streams.opened(path) as file, packed(file, path) as stream:
            write = Writer(stream, live=stream is file)
            yield write
            write.flush()


def check_input(place: Path | int, inputs: Iterable[Path | int | None]) -> None:
    """Raise NMTError for a place to write to, a path or descriptor, that is one of the `inputs`."""
    found = _regular_file(place)
    if found and any(each is not None and _regular_file(each) == found for each in inputs):
        shown = place if isinstance(place, Path) else "stdout"
        raise NMTError(f"{shown}: is both input and output", hint="write to another file")


def check_place(path: Path, *, usual: str = "stdout", stream: bool = False) -> None:
    """Raise NMTError, before any work, for a name that cannot be written to: `-`, a folder, a place that is not in a
    folder, the file that stdout or stderr goes to and, unless the output may be a `stream`, all that nmt.streams
    writes through. Without the option the result goes to the `usual` place."""
    if path == Path("-"):
        raise NMTError("-: is no name for a file here", hint=f"name one, or leave --output out for {usual}")
    if stream and streams.is_stream(path):
        return streams.check(path)
    files.check_above(path)
    if path.exists() and not path.is_file():
        raise NMTError(f"{path}: is no regular file", hint=f"name another; without --output the result goes to {usual}")
    for name, descriptor in {"stdout": STDOUT, "stderr": STDERR}.items():
        if (found := _regular_file(path)) and found == _regular_file(descriptor):
            raise NMTError(f"{path}: is the file that {name} goes to, and would be replaced", hint="name another file")
    return None


def _regular_file(place: Path | int) -> tuple[int, int] | None:
    """What tells a regular file from all others; None for anything else."""
    try:
        found = os.stat(place)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def note(text: str) -> None:
    """Tell the user something beside the result."""
    terminal.message(f"note: {text}")


def note_missing_tags(model: object, tags: Sequence[str]) -> None:
    """Tell it where a model was trained with a tag before each source and gets none: `Translator.missing_tags`."""
    if tags:
        note(f"{model}: each source in its training had a tag, and here none has one; --tag takes {', '.join(tags)}")


def is_first() -> bool:
    """Whether this is the process that speaks, of those that torchrun may have started."""
    return os.environ.get("RANK", "0") == "0"


def note_idle(config: Any) -> None:
    """Tell what was set in a config and has no effect."""
    for line in config.idle() if is_first() else ():
        note(line)


def note_held_out(config: Any) -> None:
    """Tell where a finetune draws the text that it is judged by from what its model may have learned from."""
    names = [name for name in ("dev", "test") if hasattr(getattr(config.data, name), "held_out")]
    if names and is_first():
        which = " and ".join(f"data.{name}" for name in names)
        note(f"{which}: held out from the text here; unless the model was trained on the very same, it may know them")


def as_json(value: dict[str, Any]) -> str:
    """One line of JSON, control characters and line breaks of any kind escaped; six decimals."""
    return visible(json.dumps(_rounded(value), ensure_ascii=False, allow_nan=False))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value


def stdin_is_file() -> bool:
    """Whether stdin is a file and no pipe or terminal, where lines may be long in coming."""
    return _regular_file(STDIN) is not None


def stdin_lines() -> Iterator[str]:
    """The lines of stdin. Raises NMTError when there is none and, after the lines before it, for one not in UTF-8."""
    from nmt.data.text import decode_lines

    if sys.stdin is None:
        raise NMTError("there is no stdin to read from", hint="give --input")
    # Unbuffered: a thread that waits inside a buffer would hold its lock when the interpreter ends.
    stream = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
    return decode_lines(_chunks(stream), "stdin")


def typed(texts: Iterable[str], *, what: str) -> list[str]:
    """Texts from the command line. Raises DataError for one not in UTF-8: Python hides its bytes in half characters."""
    checked = list(texts)
    for text in checked:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            byte, column = os.fsencode(text[error.start])[0], error.start + 1
            raise DataError(
                f"{what}: not UTF-8 (byte 0x{byte:02x} at column {column})", hint="set the terminal to UTF-8"
            ) from error
    return checked


def _chunks(stream) -> Iterator[bytes]:
    while (chunk := stream.read(_CHUNK)) != b"":
        if chunk is None:  # nothing yet, and the stream does not block
            sleep(_RETRY)
        else:
            yield chunk


def windows(lines: Iterator[str], most: int) -> Iterator[list[str]]:
    """Lines in groups, those that come together, so that none waits long for the next: few at first, then `most`."""
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
