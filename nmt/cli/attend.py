"""nmt attend: where a model looks while it translates, as text, pictures, a page to explore, or numbers."""

import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from nmt.cli import lines
from nmt.cli.common import Machine, command

if TYPE_CHECKING:
    from nmt.analysis.attention import Attended, Choice
    from nmt.analysis.contexts import Contexts

PICTURES, OTHERS = (".png", ".svg", ".pdf"), (".html", ".json", ".txt")
_WIDTH = 100
"""Columns of text that no terminal shows."""
_MOST = 100
"""Sentences: nobody looks at more."""


class View(NamedTuple):
    """What is to be shown."""

    model: Path
    found: "list[Attended]"
    kind: str
    choice: "Choice"
    words: bool
    contexts: "Contexts | None"


@command
def attend(
    *,
    model: Annotated[Path, typer.Option(help="A run folder or a model bundle.")],
    sentence: Annotated[
        list[str] | None, typer.Argument(metavar="SENTENCE", help="What to translate [stdin].", show_default=False)
    ] = None,
    input: Annotated[Path | None, typer.Option(help="Sentences from a file, one a line; also .gz and .xz.")] = None,
    target: Annotated[list[str] | None, typer.Option(help="Read this translation; one for each sentence.")] = None,
    tag: lines.Tag = None,
    word: Annotated[str | None, typer.Option(help="What this word looks at, sentence beside sentence.")] = None,
    kind: Annotated[
        Literal["cross", "encoder", "decoder"] | None,
        typer.Option(help="cross: to the source; encoder, decoder: of source or translation to itself [cross]."),
    ] = None,
    layer: Annotated[int | None, typer.Option(help="One layer, from 1 [the mean of all].")] = None,
    head: Annotated[int | None, typer.Option(help="One of its heads, from 1 [the mean of all].")] = None,
    every: Annotated[bool, typer.Option("--all", help="Each head by itself, of all layers or of --layer.")] = False,
    rollout: Annotated[bool, typer.Option("--rollout", help="Followed through all layers (Abnar 2020).")] = False,
    words: Annotated[bool, typer.Option("--words", help="Words instead of pieces.")] = False,
    output: Annotated[
        list[Path] | None, typer.Option(help="A file .html, .png, .svg, .pdf, .json or .txt; repeatable [stdout].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All kinds, layers and heads as JSON.")] = False,
    beam: Annotated[int | None, typer.Option(help="Hypotheses kept a sentence; 1 is greedy search.")] = None,
    precision: lines.Precision = "float32",
    machine: Machine,
) -> None:
    """Show where a model looks while it translates a sentence, or reads a translation that is given."""
    from nmt.analysis import contexts
    from nmt.analysis.attention import Choice, check
    from nmt.errors import ConfigError

    choice, outputs = Choice(layer, head, every, rollout), output or []
    _check_outputs(outputs)
    if word is not None and kind is not None:
        raise ConfigError("--word and --kind: which?", hint="a word is shown by all kinds of attention that it has")
    if target and beam is not None:
        raise ConfigError("--beam: where a translation is given none is looked for", hint="leave out one of the two")
    sentence, target = lines.typed(sentence or [], what="SENTENCE"), lines.typed(target or [], what="--target")
    word = word and lines.typed([word], what="--word")[0]
    sentences = list(islice(_sentences(sentence, input), _MOST + 1))
    _check_sentences(len(sentences), targets=len(target), in_one_picture=word is None and _any_picture(outputs))
    overrides = {"tag": tag} if beam is None else {"tag": tag, "beam": beam}
    found = _attend(model, machine, precision, sentences, target, overrides)
    shown = _kind(found[0], kind, word)
    check(found[0].kinds[shown], choice)  # also for a form that shows more than what is chosen
    view = View(model, found, shown, choice, words, None if word is None else contexts.compare(found, word, choice))
    _tell(view)
    for path in outputs:
        _write(path, view, inputs=(input,))
    if as_json or not outputs:
        with lines.writer(None, inputs=(input or lines.STDIN,)) as write:
            write(_json(view) if as_json else _text(view))


def _any_picture(paths: list[Path]) -> bool:
    return any(path.suffix.lower() in PICTURES for path in paths)


def _check_sentences(count: int, *, targets: int, in_one_picture: bool) -> None:
    """Whether so many sentences can be shown."""
    from nmt.errors import ConfigError, DataError

    if count == 0:
        raise DataError("there is no sentence", hint="nmt attend --model RUN SENTENCE")
    if count > _MOST:
        hint = "nmt translate --json --attention is for whole texts"
        raise ConfigError(f"there are more than {_MOST} sentences", hint=hint)
    if targets and targets != count:
        given = "1 sentence" if count == 1 else f"{count} sentences"
        raise ConfigError(f"{given}, and {targets} of --target", hint="give one for each, in their order")
    if in_one_picture and count > 1:
        raise ConfigError("a picture shows one sentence", hint="or one --word in all of them; .html shows them all")


def _check_outputs(paths: list[Path]) -> None:
    """Before any work: whether the files can be made here at all."""
    from nmt import packages
    from nmt.errors import ConfigError, NMTError

    for path in paths:
        if path.suffix.lower() not in (*PICTURES, *OTHERS):
            raise ConfigError(f"{path}: which form?", hint=f"name it {', '.join((*PICTURES, *OTHERS))}")
        lines.check_place(path, stream=path.suffix.lower() in OTHERS)
    if _any_picture(paths):
        try:
            import matplotlib  # noqa: F401
        except ImportError as error:
            hint = f"{packages.install('plots')}; .html, .json and .txt do without"
            raise NMTError("pictures need matplotlib, which is not installed", hint=hint) from error


def _sentences(given: list[str], path: Path | None) -> Iterator[str]:
    from nmt.data.text import read_lines
    from nmt.errors import ConfigError

    if given and path is not None:
        raise ConfigError("sentences from the command line and from --input: which?", hint="give one of the two")
    if given:
        yield from given
        return
    for number, line in enumerate(read_lines(path) if path is not None else lines.stdin_lines(), start=1):
        if line.strip():
            yield line
        else:
            lines.note(f"line {number} is empty: there is nothing to look at")


def _attend(
    model: Path, machine: Machine, precision: str, sentences: list[str], targets: list[str] | None, overrides: dict
) -> "list[Attended]":
    from nmt.analysis.attention import attend
    from nmt.decoding.translator import Translator
    from nmt.errors import DataError

    where = {"precision": precision, **machine.given()}
    translator, found = Translator.load(model, **where, **overrides), []
    lines.note_missing_tags(translator.origin, translator.missing_tags)
    for number, sentence in enumerate(sentences):
        try:
            found.append(attend(translator, sentence, targets[number] if targets else None))
        except DataError as error:
            which = f"sentence {number + 1}: " if len(sentences) > 1 else ""
            raise DataError(f"{which}{error.message}", hint=error.hint) from error
    return found


def _kind(attended: "Attended", asked: str | None, word: str | None) -> str:
    """The kind that is asked for. By default attention to the source; with a word, what it looks at."""
    from nmt.analysis.attention import NAMES
    from nmt.errors import ConfigError

    if asked is None:
        first = ("encoder", "cross") if word is not None else NAMES
        return next(name for name in first if name in attended.kinds)
    if asked not in attended.kinds:
        has = " and ".join(NAMES[name] for name in attended.kinds)
        raise ConfigError(f"--kind {asked}: the model has no {NAMES[asked]}", hint=f"it has {has}")
    return asked


def _tell(view: View) -> None:
    for each, count in zip(view.found, view.contexts.occurrences if view.contexts else [], strict=False):
        if count > 1:
            lines.note(f"{view.contexts.word!r} occurs {count} times in {each.source!r}; the first is shown")


def _write(path: Path, view: View, *, inputs: tuple[Path | None, ...]) -> None:
    """One file, in the form that its name asks for."""
    from nmt import bundle, files
    from nmt.analysis.page import as_page

    form = path.suffix.lower()
    if form not in PICTURES:
        with lines.writer(path, inputs=inputs) as write:
            if form == ".html":
                title = f"Attention: {bundle.name_of(view.model.resolve())}"
                write(as_page(view.found, title=title, kind=view.kind, choice=view.choice, words=view.words,
                              contexts=view.contexts).rstrip("\n"))  # fmt: skip
            else:
                write(_json(view) if form == ".json" else _text(view))
        return
    content, missing = _picture(view, form[1:])
    if missing and form != ".svg":
        lines.note(f"{path}: no font here has {missing}: boxes stand for them, but not in .svg and .html")
    files.write_bytes(path, content)


def _picture(view: View, form: str) -> tuple[bytes, str]:
    from nmt.analysis import heatmap
    from nmt.analysis.attention import NAMES, maps

    if view.contexts:
        return heatmap.draw_contexts(view.contexts, format=form)
    (attended,) = _shown(view)
    return heatmap.draw(maps(attended.kinds[view.kind], view.choice), f"{NAMES[view.kind]}: every head", format=form)


def _shown(view: View) -> "list[Attended]":
    """In words or pieces, as asked."""
    from nmt.analysis.attention import merged

    return [merged(each) for each in view.found] if view.words else view.found


def _text(view: View) -> str:
    from nmt.analysis import text
    from nmt.analysis.attention import maps
    from nmt.escapes import visible_line

    width = shutil.get_terminal_size((_WIDTH, 0)).columns
    if view.contexts:
        return text.contexts_as_text(view.contexts, width=width)
    parts = []
    for each in _shown(view):
        parts.append(f"source  {visible_line(each.source)}\ntarget  {visible_line(each.target)}")
        parts += [text.as_text(one, width=width) for row in maps(each.kinds[view.kind], view.choice) for one in row]
    return "\n\n".join(parts)


def _json(view: View) -> str:
    from nmt import bundle

    value = {"model": bundle.name_of(view.model.resolve()), "tokens": "words" if view.words else "pieces"}
    if view.contexts:
        value["tokens"] = "words" if view.contexts.words else "pieces"
        value["word"] = {"word": view.contexts.word, "side": view.contexts.side, "places": view.contexts.places}
    sentences = view.contexts.sentences if view.contexts else _shown(view)
    return lines.as_json({**value, "sentences": [_facts(each) for each in sentences]})


def _facts(attended: "Attended") -> dict:
    """All layers and heads: weights[layer][head][query][key]."""
    kinds = {
        name: {
            "queries": kind.queries.names, "keys": kind.keys.names, "weights": kind.weights.tolist(),
            "rollout": None if kind.rollout is None else kind.rollout.tolist(),
        }
        for name, kind in attended.kinds.items()
    }  # fmt: skip
    return {"source": attended.source, "target": attended.target, "attention": kinds}
