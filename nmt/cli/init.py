"""nmt init: a first config for your own text."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nmt.cli import lines, terminal
from nmt.cli.busy import note_busy
from nmt.cli.common import Machine, command
from nmt.cli.progress import duration

if TYPE_CHECKING:
    from nmt.config import ParallelText
    from nmt.data.sizes import Family, Sizes
    from nmt.data.survey import Survey
    from nmt.training.budget import Plan


@command
def init(
    *,
    source: Annotated[list[Path] | None, typer.Option(help="Source text, also packed; repeatable.")] = None,
    target: Annotated[list[Path] | None, typer.Option(help="Its translation, line by line; repeatable.")] = None,
    tsv: Annotated[list[Path] | None, typer.Option(help="Instead: one file: TSV, CSV, TMX, JSON lines.")] = None,
    columns: Annotated[
        tuple[str, str] | None, typer.Option(help="Columns of --tsv: numbers, names or codes [1 2].")
    ] = None,
    dev_source: Annotated[Path | None, typer.Option(help="Development text [some pairs are held out].")] = None,
    dev_target: Annotated[Path | None, typer.Option(help="Its translation.")] = None,
    dev_tsv: Annotated[Path | None, typer.Option(help="Instead: both in one file.")] = None,
    test_source: Annotated[Path | None, typer.Option(help="Test text [some pairs are held out].")] = None,
    test_target: Annotated[Path | None, typer.Option(help="Its translation.")] = None,
    test_tsv: Annotated[Path | None, typer.Option(help="Instead: both in one file.")] = None,
    source_language: Annotated[str | None, typer.Option(help="Such as de [the file name's ending].")] = None,
    target_language: Annotated[str | None, typer.Option(help="Such as en [the file name's ending].")] = None,
    model: Annotated[
        Literal["transformer", "attention_rnn", "gru"], typer.Option(help="Which model to train.")
    ] = "transformer",
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Fit updates and model to so many minutes.", show_default="no limit")
    ] = None,
    output: Annotated[Path, typer.Option(help="The config file to write.")] = Path("config.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
    machine: Machine,
) -> None:
    """Look at parallel text and write a config that is sized to it, ready for `nmt train`.

    Example: nmt init --source corpus.de --target corpus.en --minutes 15
    """
    from nmt import files
    from nmt.data.suggest import suggest
    from nmt.data.survey import survey
    from nmt.data.text import by_language
    from nmt.errors import ConfigError
    from nmt.escapes import shell

    lines.check_place(output, usual="config.yaml")
    if output.exists() and not force:
        raise ConfigError(f"{output}: exists", hint="--force replaces it, --output names another file")
    if columns and not (tsv or dev_tsv or test_tsv):
        raise ConfigError("--columns: of which TSV?", hint="it belongs to --tsv; exchange --source and --target")
    train = text_of("", source, target, tsv, columns)
    splits = {"dev": (dev_source, dev_target, dev_tsv), "test": (test_source, test_target, test_tsv)}
    given = {
        name: text_of(f"{name}-", *([each] if each else None for each in paths), columns)
        for name, paths in splits.items()
        if any(paths)
    }
    named = [path for text in (train, *given.values()) for path in text.files]
    lines.check_input(output, named)
    _check_names(named, output.absolute().parent)
    languages = _languages(train, source_language, target_language)
    note_busy()
    train, given = by_language(train, languages), {name: by_language(text, languages) for name, text in given.items()}
    terminal.message(f"looking at {', '.join(map(str, [*(source or []), *(target or []), *(tsv or [])]))}")
    seen = survey(train, given, languages, model)

    def written(size: "Sizes | None" = None) -> str:
        return suggest(seen, train=train, given=given, languages=languages, model=model, path=output, size=size)

    planned = _fit(seen, model, written, output, minutes=minutes, machine=machine)
    files.write_text(output, written(planned.sizes))
    whose = "for both sides" if seen.shared else "per side"
    vocabulary = f"a vocabulary of {seen.vocabulary:,} {whose}"
    terminal.result(f"{seen.read:,} pairs, {seen.kept:,} of them to train on; {vocabulary}")
    for reason, count in seen.dropped.items():
        terminal.result(f"  {reason:<22}{count:>12,}{count / seen.read:>9.1%}")
    for kind, sentences in (("note", seen.notes), ("warning", seen.warnings)):
        for sentence in sentences:
            terminal.message(f"{kind}: {sentence}")
    time = f"about {duration(planned.seconds)} on this machine when it is idle"
    terminal.result(f"{planned.sizes.steps:,} updates, {time}")
    terminal.result(f"{output}: written")
    terminal.result(f"next: nmt train --config {shell(output)}")


def _fit(
    seen: "Survey", family: "Family", written: "Callable[[Sizes], str]", output: Path, *, minutes: float | None,
    machine: Machine,
) -> "Plan":  # fmt: skip
    """The sizes for the text, within the minutes; reports what was given up for that."""
    from nmt import config as settings
    from nmt.data.suggest import fit
    from nmt.training import budget

    def draft(size: "Sizes") -> "settings.Config":
        value = settings.yaml.parse(written(size), str(output))
        return settings.check(settings.Config, value, name=str(output), folder=output.absolute().parent)

    terminal.message("measuring how fast this machine trains")
    wanted = fit(seen, family)
    dev = seen.given.get("dev", seen.held_out)
    text = budget.Text(vocabulary=seen.vocabulary, pieces=seen.pieces, dev_pairs=dev)
    device = machine.choose_device()
    planned = budget.plan(family, wanted, text, draft=draft, device=device, minutes=minutes)
    found = planned.sizes
    if found != wanted:
        smaller = f", and a model {found.width} wide instead of {wanted.width}" if found.width != wanted.width else ""
        lines.note(
            f"--minutes {minutes:g}: {found.passes:.1f} passes over the text instead of {wanted.passes:.1f}{smaller}"
        )
    return planned


def text_of(prefix: str, source, target, tsv, columns: tuple[str, str] | None) -> "ParallelText":
    from nmt import config as settings
    from nmt.config import ParallelText
    from nmt.data.text import check_files
    from nmt.errors import ConfigError

    if (source or target) and tsv:
        sides = f"--{prefix}source and --{prefix}target"
        raise ConfigError(f"--{prefix}tsv: holds both sides already", hint=f"leave it out, or {sides}")
    if not tsv and not (source and target):
        raise ConfigError(
            f"which {prefix.rstrip('-') or 'training'} text?",
            hint=f"give --{prefix}source and --{prefix}target, or --{prefix}tsv",
        )
    paths = [*(tsv or []), *(source or []), *(target or [])]
    check_files(paths)
    lines.typed(map(str, paths), what="a file's name")
    in_columns = {"columns": [int(each) if each.isdecimal() else each for each in columns]} if columns else {}
    value = {"tsv": list(tsv), **in_columns} if tsv else {"source": list(source), "target": list(target)}
    return settings.check(ParallelText, value, name=f"--{prefix}tsv" if tsv else f"--{prefix}source, --{prefix}target")


def _check_names(paths: Iterable[Path], folder: Path) -> None:
    """Raise ConfigError for a file that a config in `folder` cannot name."""
    from nmt.config import yaml
    from nmt.data.suggest import relative
    from nmt.errors import ConfigError

    for path in paths:
        if yaml.CONTROL.search(relative(path, folder)):
            raise ConfigError(f"{path}: the name holds a control character", hint="a config cannot name it; rename it")


def _languages(train: "ParallelText", source: str | None, target: str | None) -> tuple[str, str]:
    """As given, else as the files' names say."""
    from nmt.data.facts import language_of, languages_of
    from nmt.errors import ConfigError

    guessed = languages_of(train.tsv[0]) if train.tsv else (language_of(train.source[0]), language_of(train.target[0]))
    found = (source or guessed[0], target or guessed[1])
    if None in found or (found[0] == found[1] and not (source and target)):
        raise ConfigError(
            "the languages cannot be told from the files' names", hint="give --source-language and --target-language"
        )
    for code in lines.typed(found, what="a language"):
        if not code.isprintable() or " " in code:
            raise ConfigError(f"{code!r}: is no language's code", hint="such as de, or pt-BR")
    return found
