"""Text in, a folder with a parallel corpus out, one side of which a model has written.

    NAME.de, NAME.en     line n of one translates line n of the other; plain or .gz
    dev.de, dev.en ...   pairs of people's that are held out, where a command has any
    corpus.json          who wrote it, how, from how many lines, and which were left out

The folder takes its place at once when all is done: whatever ends the work before, what was there stays as it was, what
a killed process leaves the next one clears away, and what was translated is not lost (see journal.py).
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import tee
from pathlib import Path
from typing import Any, NamedTuple

from nmt import bundle, checksums, files
from nmt.bundle import Description
from nmt.data.splits import Pairs
from nmt.data.suggest import language_of
from nmt.data.text import packed
from nmt.decoding.translator import Translation, Translator
from nmt.errors import ConfigError, NMTError
from nmt.synthesis import journal
from nmt.synthesis.journal import Journal, Line, Outcome
from nmt.version import __version__

FACTS = "corpus.json"
"""The file by which such a folder is known."""

EMPTY, TOO_LONG = "empty", "too long for the model"
NOTHING, BROKEN = "translated to nothing", "translated to characters that are none"
"""Why a line is left out: of both sides, so that these stay aligned."""

_NO_CHARACTER = "\ufffd"  # for bytes that spell nothing, which are drawn now and then

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


class Machine(NamedTuple):
    """Where a model translates, as `Translator.load` and `translations` take it."""

    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    workers: int | None = 1


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
    files.check_not_here(folder)
    journal.check(folder, resume=resume, force=force)
    force = force or resume  # what was begun might be, and what is whole will stay
    _check_place(folder, inputs, force=force)
    with files.lock(folder.with_name(f".{folder.name}.lock")) as alone:
        if not alone:
            raise NMTError(f"{folder}: another process writes a corpus here", hint="wait for its end, or name another")
        files.recover(folder)
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


def check_files(described: Description, paths: Iterable[Path], *, why: str) -> None:
    """Raise ConfigError for a file whose name says that it is in the language which the model translates to."""
    source, target = described.config.source_language, described.config.target_language
    for path in paths:
        if source != target and language_of(path) == target:
            raise ConfigError(
                f"{path}: is {target} by its name, but {described.folder} translates from {source} to {target}",
                hint=why,
            )


def translates(described: Description, languages: tuple[str, str]) -> bool:
    """Whether a model translates from the first language, or languages, to the second, perhaps among others."""
    known = (described.config.source_language, described.config.target_language)
    return all({*each.split("+")} <= {*those.split("+")} for each, those in zip(languages, known, strict=True))


def check_tag(described: Description, tag: str | None, language: str, *, why: str) -> None:
    """Raise ConfigError for a tag that has the model write another of its languages than the wanted one."""
    if tag != language and tag in described.config.target_language.split("+") and "+" not in language:
        raise ConfigError(f"{described.folder}: writes {tag} with this tag, and {language} is wanted", hint=why)


def translated(
    translator: Translator, lines: Iterable[Line], choose: Callable[[Translation, str], str], *, known: Journal,
    workers: int | None, **search: Any,
) -> Iterator[tuple[Line, Outcome]]:  # fmt: skip
    """Each line with its translation, or None and why it has none: first those that are `known`, then the others, which
    become so. `choose` says which hypothesis, knowing what stands beside the line; `search` says how many there are."""
    lines = iter(lines)
    yield from known.replay(lines)
    ahead, beside = tee(lines)
    translations = translator.translations((line for line, _ in ahead), details=False, workers=workers, **search)
    for line, translation in zip(beside, translations, strict=True):
        outcome = _outcome(line, translation, choose)
        known.add(line, outcome)
        yield line, outcome


def _outcome(line: Line, translation: Translation, choose: Callable[[Translation, str], str]) -> Outcome:
    if translation.parts != 1:
        return None, TOO_LONG if translation.parts else EMPTY
    text = choose(translation, line[1]).strip()
    broken = _NO_CHARACTER in text and _NO_CHARACTER not in line[0]
    reason = BROKEN if broken else None if text else NOTHING
    return None if reason else text, reason


def whole(folder: Path, form: Form, facts: Mapping[str, Any], held_out: Iterable[str]) -> Made | None:
    """The corpus that is there already, where it is the one to make. Raises NMTError where it is another."""
    if journal.place(folder).exists() or not (folder / FACTS).is_file():
        return None
    with files.naming(folder / FACTS), open(folder / FACTS, encoding="utf-8") as file:
        known = json.load(file)
    if any(known.get(name) != value for name, value in facts.items()):
        raise NMTError(f"{folder}: is whole, by another model or search", hint="--force replaces it")
    counts = (known[name] for name in ("read", "pairs", "left_out"))
    return Made(*form.places(folder), *counts, form.held_out(folder, held_out), 0.0, new=False)


def write(
    folder: Path, pairs: Iterable[tuple[tuple[str, str] | None, str | None]], form: Form, *, facts: Mapping[str, Any],
    held_out: Mapping[str, Pairs], on_progress: OnProgress | None,
) -> Made:  # fmt: skip
    """Write the corpus in the place of `folder`: pairs of source and target, or None and why one is left out."""
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
        for split, text in held_out.items():
            for name, lines in zip(form.files(split), text, strict=True):
                with _writer(inside / name) as add:
                    for line in lines:
                        add(line)
        counts = {"read": read, "pairs": kept, "left_out": dict(left_out)}
        files.write_text(inside / FACTS, json.dumps({**facts, **counts}, indent=2, ensure_ascii=False) + "\n")
    seconds = time.perf_counter() - begin
    return Made(*form.places(folder), read, kept, dict(left_out), form.held_out(folder, held_out), seconds)


def facts_of(kind: str, described: Sequence[Description], translator: Translator, **more: Any) -> dict[str, Any]:
    """Who wrote a corpus: the models by name and checksum, their tag and search; and what more there is to say."""
    folders = [each.folder for each in described]
    names = [bundle.name_of(folder.resolve()) for folder in folders]
    sums = [checksums.sha256(folder / checksums.NAME) for folder in folders]
    models = [{"name": name, "checksum": each} for name, each in zip(names, sums, strict=True)]
    search = translator.search.model_dump(mode="json")
    engine = {"engine": translator.engine.name, "precision": translator.engine.precision}
    return {
        "kind": kind, "nmt": __version__, "models": models, **engine, "tag": translator.tag, "search": search, **more,
    }  # fmt: skip


def read(models: str | Path | Sequence[str | Path]) -> list[Description]:
    """The models' descriptions. Raises ConfigError when there is none, CheckpointError for a damaged one."""
    if not (models := files.paths(models)):
        raise ConfigError("which model?", hint="give one, or several as an ensemble")
    return [bundle.read(model) for model in models]


def load(
    described: Sequence[Description], machine: Machine, search: dict[str, Any], *, tag: str | None = None
) -> Translator:
    """What translates with the models: several are an ensemble. `tag` is put before each source where `search` names
    none and the models know it.

    Raises ConfigError where no tag is known of models that need one.
    """
    where = {name: getattr(machine, name) for name in ("device", "precision", "threads")}
    if tag in described[0].tokenizers.source.tags:
        search = {"tag": tag, **search}
    translator = Translator.load([each.folder for each in described], **where, **search)
    for line in translator.search.idle_of(search):
        raise ConfigError(line, hint="leave it out")
    if translator.missing_tags:
        raise ConfigError(
            f"{translator.origin}: each source in its training had a tag, and here none has one",
            hint=f"--tag takes {', '.join(translator.missing_tags)}",
        )
    return translator


@contextmanager
def _writer(path: Path) -> Iterator[Callable[[str], None]]:
    """A function that adds a line to a new file, packed as its name says."""
    with files.replacing(path, "wb") as file, packed(file, path) as stream:
        yield lambda line: stream.write(line.encode() + b"\n")
