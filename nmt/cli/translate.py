"""nmt translate: files or stdin, one line in, one line out."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmt.cli import alignment, lines
from nmt.cli.common import Machine, command
from nmt.cli.progress import Progress
from nmt.cli.searching import Search
from nmt.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from nmt.decoding.translator import Translation, Translator

    Translations = Iterator[Translation]


@command
def translate(
    *,
    model: lines.Models,
    input: Annotated[Path | None, typer.Option(help="Text, one sentence a line; also .gz and .xz [stdin].")] = None,
    output: Annotated[Path | None, typer.Option(help="Where the translations go [stdout].")] = None,
    tag: lines.Tag = None,
    search: Search,
    precision: lines.Precision = "auto",
    workers: lines.Workers = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines: hypotheses with scores and tokens.")] = False,
    attention: Annotated[bool, typer.Option("--attention", help="JSON: add the attention to the source.")] = False,
    alignments: Annotated[Path | None, typer.Option(help="Where word alignments go, such as 0-0 1-2.")] = None,
    links: alignment.Links,
    machine: Machine,
) -> None:
    """Translate text. What is not given is as the model's config says."""
    from nmt.decoding.marks import MarkCount
    from nmt.decoding.translation import SplitCount

    if not as_json and attention:
        raise ConfigError("--attention: plain text holds no numbers", hint="add --json")
    if attention and alignments:
        raise ConfigError("--attention is the mean of all heads, --alignments read one", hint="ask for one of the two")
    links.check("--alignments", alignments)
    lost = 0
    with ExitStack() as stack:
        write = stack.enter_context(lines.writer(output, inputs=(input or lines.STDIN,)))
        load = partial(_load, machine=machine, precision=precision)
        translator = load(model, overrides={**search.settings(), "tag": tag}, rerank=search.rerankers())
        if not (as_json or search.n_best in (None, 1) or translator.chooses(translator.search)):
            raise ConfigError(f"--n-best {search.n_best}: plain text holds one translation a line", hint="add --json")
        _note(translator, search)
        if attention:
            from nmt.analysis.aligner import required_shape

            required_shape(translator, "to show")
        writers = [write]
        translate = partial(translator.translations, attention=attention, details=as_json, workers=workers)
        if alignments:
            write_links = stack.enter_context(alignment.writer(alignments, input or lines.STDIN, output))
            writers.append(write_links)
            reverse = links.alignment_reverse and _load_reverse(links.alignment_reverse, model[0], load)
            translate = alignment.beside(translate, translator, write_links, links, reverse)
        split, marks = SplitCount(), MarkCount()
        for translation in _translations(translate, input, pipe=(workers or 1) == 1, writers=writers):
            write(_json(translation) if as_json else translation.text)
            split = split.plus(translation)
            marks = marks.plus(translation.marks)
            lost += bool(translation.lost)
    for line in [*split.notes(), *marks.notes()]:
        lines.note(line)
    if lost:
        line = "1 line lacks" if lost == 1 else f"{lost} lines lack"
        lines.note(f'{line} a protected span, such as a placeholder or URL; --json lists it as "lost"')


def _load_reverse(path: Path, model: Path, load: "Callable[..., Translator]") -> "Translator":
    from nmt.analysis.aligner import check_reverse

    check_reverse(model, path)
    reverse = load(path, overrides={})
    lines.note_missing_tags(reverse.origin, reverse.missing_tags)
    return reverse


def _note(translator: "Translator", search: Search) -> None:
    """Tell what its user may not know of the translations."""
    for line in translator.search.idle_of(search.settings()):
        lines.note(line)
    for origin, tags in {str(translator.origin): translator.missing_tags, **translator.rerankers_missing_tags}.items():
        lines.note_missing_tags(origin, tags)


def _load(
    model: Path | list[Path], machine: Machine, precision: str, overrides: dict[str, Any],
    rerank: dict[Path, float] | None = None,
) -> "Translator":  # fmt: skip
    from nmt import runtime
    from nmt.decoding.translator import Translator

    runtime.keep_freed_memory()
    return Translator.load(model, rerank=rerank, precision=precision, **machine.given(), **overrides)


def _translations(
    translate: "Callable[[Iterable[str]], Translations]", path: Path | None, *, pipe: bool, writers: list[lines.Writer]
) -> "Translations":
    """The translations of a file, with a progress bar if someone may look at it, or of a pipe as it comes: the
    `writers` are then flushed after each window."""
    from nmt.data.text import read_lines
    from nmt.decoding.windows import READ_AHEAD

    if path is None and pipe and not lines.stdin_is_file():
        for window in lines.windows(lines.stdin_lines(), READ_AHEAD):
            yield from translate(window)
            for write in writers:
                write.flush()
        return
    translated = translate(lines.stdin_lines() if path is None else read_lines(path))
    if not sys.stderr.isatty() or any(write.on_terminal() for write in writers):
        yield from translated
        return
    progress, begin = Progress(), time.monotonic()
    try:
        for done, translation in enumerate(translated, start=1):
            progress.move(f"{done:,} lines, {done / (time.monotonic() - begin):,.0f} a second")
            yield translation
    finally:
        progress.clear()


def _json(translation: "Translation") -> str:
    value = {
        "source": translation.source,
        "translation": translation.text,
        "source_tokens": translation.source_tokens,
        "parts": translation.parts,
        **translation.marks._asdict(),
        "lost": list(translation.lost),
        "hypotheses": [each._asdict() for each in translation.hypotheses],
    }
    text = lines.as_json(value)
    return text if translation.attention is None else f'{text[:-1]}, "attention": {_maps(translation.attention)}}}'


def _maps(parts: "list[np.ndarray]") -> str:
    """Row by row: all numbers of a long line at once would take gigabytes as Python's objects."""
    rows = ([json.dumps(row.astype(float).round(4).tolist()) for row in part] for part in parts)
    return "[" + ", ".join(f"[{', '.join(part)}]" for part in rows) + "]"
