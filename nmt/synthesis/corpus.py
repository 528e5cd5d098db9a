"""Text in, a folder with a parallel corpus out, one side of which a model has written.

    NAME.de, NAME.en     line n of one translates line n of the other; plain or .gz
    dev.de, dev.en ...   pairs of people's that are held out, where a command has any
    corpus.json          who wrote it, how, from how many lines, which were left out, and the checksum of the text

The folder takes its place at once when all is done: whatever ends the work before, what was there stays as it was, what
a killed process leaves the next one clears away, and what was translated is not lost (see journal.py).
"""

import json
import time
import zlib
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from nmt import files, locks
from nmt.data.splits import Pairs
from nmt.data.text import packed
from nmt.errors import ConfigError, NMTError
from nmt.synthesis import journal
from nmt.synthesis.journal import Line

FACTS = "corpus.json"
"""The file by which such a folder is known."""

_COUNTS = {"read": int, "pairs": int, "left_out": dict}
"""Of these facts."""

_EVERY = 100  # lines between two reports of progress

OnProgress = Callable[[int], None]


class Made(NamedTuple):
    """A corpus that was written."""

    source: Path
    target: Path
    read: int
    """Lines that were to be translated."""
    pairs: int
    """That are left."""
    left_out: dict[str, int]
    """Reason -> lines."""
    held_out: dict[str, tuple[Path, Path]]
    """dev and test, where they were taken from the text: what people wrote, on both sides."""
    seconds: float
    new: bool = True
    """Whether it was made now."""


class Text:
    """What is to be translated, and the checksum of those lines that were read."""

    def __init__(self, lines: Iterable[Line]):
        self.checksum = 0
        self._lines = lines

    def __iter__(self) -> Iterator[Line]:
        for line in self._lines:
            self.checksum = zlib.crc32(json.dumps(line).encode(), self.checksum)
            yield line


class Form(NamedTuple):
    """How a corpus is laid down."""

    name: str
    """Of its two files, without the languages."""
    languages: tuple[str, str]
    packed: bool
    """Whether they are .gz."""

    def files(self, name: str) -> tuple[str, str]:
        """The two names of a text."""
        endings = self.languages if len(set(self.languages)) == 2 else ("source", "target")
        return tuple(f"{name}.{ending}{'.gz' if self.packed else ''}" for ending in endings)

    def places(self, folder: Path) -> tuple[Path, Path]:
        """Of the corpus' two sides."""
        return tuple(folder / name for name in self.files(self.name))

    def held_out(self, folder: Path, splits: Iterable[str]) -> dict[str, tuple[Path, Path]]:
        """Likewise of the texts that were held out."""
        return {split: tuple(folder / name for name in self.files(split)) for split in splits}


@contextmanager
def claimed(folder: Path, inputs: Sequence[Path], *, force: bool, resume: bool) -> Iterator[None]:
    """Keep all others out of the place of a corpus while the block makes it, and undo first what a crash left there.

    Raises NMTError when another is at work there, and unless a corpus may be written to `folder`: new or empty, or with
    `force` an older corpus, none of whose files is among the `inputs`. One that was begun needs `resume` or `force`.
    """
    if resume and force:
        raise ConfigError("resume and force exclude each other", hint="one goes on, the other starts anew")
    files.check_not_here(folder)  # or its journal would have no name
    journal.check(folder, resume=resume, force=force)
    force = force or resume  # what was begun might be, and what is whole will stay
    _check_place(folder, inputs, force=force)
    with locks.claimed(folder, what="a corpus"):
        _check_place(folder, inputs, force=force)  # of what there is now
        yield


def _check_place(folder: Path, inputs: Sequence[Path], *, force: bool) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / FACTS).is_file():
        raise NMTError(f"{folder}: holds something else than a corpus of ours", hint="name a new folder")
    if not force:
        raise NMTError(f"{folder}: exists", hint="--force replaces it with all it holds, or name another folder")
    for path in inputs:
        if path.resolve().is_relative_to(folder.resolve()):
            raise NMTError(f"{path}: lies in the folder that it would replace", hint="name another folder")


def whole(folder: Path, form: Form, text: Text, facts: Mapping[str, Any], held_out: Iterable[str]) -> Made | None:
    """The corpus that is there already, where it is the one to make. Raises NMTError where it is another. The text is
    read only where there is a corpus."""
    if journal.place(folder).exists() or not (folder / FACTS).is_file():
        return None
    known = _known(folder / FACTS)
    if any(known[name] != value for name, value in facts.items()):
        raise NMTError(f"{folder}: is whole, by another model or search", hint="--force replaces it")
    written, apart = form.places(folder), form.held_out(folder, held_out)
    for path in (*written, *chain.from_iterable(apart.values())):
        if not path.is_file():
            raise NMTError(f"{folder}: has no {path.name}, which this command writes", hint="--force makes it anew")
    deque(text, maxlen=0)
    if known["text"] != text.checksum:
        raise NMTError(f"{folder}: is whole, of another text", hint="--force replaces it")
    return Made(*written, known["read"], known["pairs"], known["left_out"], apart, 0.0, new=False)


def _known(path: Path) -> Mapping[str, Any]:
    """The facts of a corpus, None where there is none of a name. Raises NMTError for what nmt has not written."""
    try:
        with files.naming(path), open(path, encoding="utf-8") as file:
            known = defaultdict(lambda: None, json.load(file))
        if all(isinstance(known[name], kind) for name, kind in _COUNTS.items()):
            return known
    except (ValueError, TypeError):
        pass
    raise NMTError(f"{path}: is damaged", hint="--force makes the corpus anew")


def write(
    folder: Path, pairs: Iterable[tuple[tuple[str, str] | None, str | None]], form: Form, *, text: Text,
    facts: Mapping[str, Any], held_out: Mapping[str, Pairs], on_progress: OnProgress | None,
) -> Made:  # fmt: skip
    """Write the corpus in the place of `folder`: pairs of source and target, or None and why one is left out; they are
    made from the `text`."""
    begin, read, kept, left_out = time.perf_counter(), 0, 0, Counter()
    names = form.files(form.name)
    with files.replacing_folder(folder) as inside:
        with ExitStack() as stack:
            sides = [stack.enter_context(_writer(inside / name)) for name in names]
            for read, (pair, reason) in enumerate(pairs, start=1):
                if pair is None:
                    left_out[reason] += 1
                else:
                    kept += 1
                    for side, line in zip(sides, pair, strict=True):
                        side(line)
                if on_progress and read % _EVERY == 0:
                    on_progress(read)
        if not kept:
            raise NMTError("there is no line that could be translated", hint="is the text the right one?")
        for split, sides in held_out.items():
            for name, lines in zip(form.files(split), sides, strict=True):
                with _writer(inside / name) as add:
                    for line in lines:
                        add(line)
        counts = {"read": read, "pairs": kept, "left_out": dict(left_out), "text": text.checksum}
        files.write_text(inside / FACTS, json.dumps({**facts, **counts}, indent=2, ensure_ascii=False) + "\n")
    seconds = time.perf_counter() - begin
    return Made(*form.places(folder), read, kept, dict(left_out), form.held_out(folder, held_out), seconds)


@contextmanager
def _writer(path: Path) -> Iterator[Callable[[str], None]]:
    """A function that adds a line to a new file, packed as its name says."""
    with files.replacing(path, "wb") as file, packed(file, path) as stream:
        yield lambda line: stream.write(line.encode() + b"\n")
