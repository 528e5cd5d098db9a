"""The models that write a corpus: whether they translate its way, what they make of a line, and who they are."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import tee
from pathlib import Path
from typing import Any, NamedTuple

from nmt import bundle, checksums, files
from nmt.bundle import Description
from nmt.data.facts import language_of
from nmt.decoding.translator import Translation, Translator
from nmt.errors import ConfigError
from nmt.synthesis.journal import Journal, Line, Outcome
from nmt.version import __version__

EMPTY, TOO_LONG = "empty", "too long for the model"
NOTHING, BROKEN = "translated to nothing", "translated to characters that are none"
"""Why a line is left out: of both sides, so that these stay aligned."""

_NO_CHARACTER = "\ufffd"  # for bytes that spell nothing, which are drawn now and then


class Machine(NamedTuple):
    """Where a model translates, as `Translator.load` and `translations` take it."""

    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    workers: int | None = 1


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
    if translation.inner or not translation.parts:
        return None, TOO_LONG if translation.parts else EMPTY
    text = choose(translation, line[1]).strip()
    broken = _NO_CHARACTER in text and _NO_CHARACTER not in line[0]
    reason = BROKEN if broken else None if text else NOTHING
    return None if reason else text, reason


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
