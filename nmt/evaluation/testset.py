"""What systems are compared on: source lines and references, from files or from a run's config."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nmt import bundle
from nmt import config as settings
from nmt.config import ParallelText
from nmt.data.prepare import OnProgress, prepare
from nmt.data.splits import Pairs
from nmt.data.text import read_lines, read_pairs
from nmt.errors import ConfigError, DataError


class TestSet(NamedTuple):
    """Line n of each text belongs to line n of the others."""

    source: list[str] | None
    """None when only given hypotheses are scored."""
    references: list[list[str]]
    tokenized: list[list[str]]
    """References in the form of moses.py; often none."""
    tag: str | None = None
    """Of its sources, as the config says that names it."""
    languages: tuple[str, str] | None = None
    """Likewise its own and its references'."""
    files: tuple[Path, ...] = ()
    """From which it was read."""


def find(
    models: Sequence[Path], config: str | Path | None, source: str | Path | None, references: Sequence[Path],
    tokenized: Sequence[Path], on_progress: OnProgress | None = None,
) -> TestSet:  # fmt: skip
    """The files, if any are given, else the test set of `config`, else that of the first model's run.

    A held-out one may have to be prepared anew: `on_progress` is told how far that is. Raises ConfigError when two are
    named, DataError when there is none, or its parts differ in length.
    """
    if source is not None or references:
        if config is not None:
            raise ConfigError("which test set: that of the config, or the files?", hint="give one of the two")
        found = _from_files(source, references, needs_source=bool(models))
    elif config is not None or models:
        found = _from_config(Path(config) if config is not None else _config_of(models[0]), on_progress)
    else:
        raise DataError("there is no reference to score against", hint="give --reference, or --config")
    return found._replace(tokenized=[read(path, found) for path in tokenized], files=(*found.files, *tokenized))


def read(path: Path, like: TestSet) -> list[str]:
    """The lines of a file that belongs to a test set. Raises DataError with both counts when it has not as many."""
    lines = list(read_lines(path))
    count = len(like.references[0])
    if len(lines) != count:
        raise DataError(f"{path} has {len(lines)} lines but the test set has {count}", hint="line n belongs to line n")
    return lines


def _from_files(source: str | Path | None, references: Sequence[Path], *, needs_source: bool) -> TestSet:
    if not references or (needs_source and source is None):
        given, missing = ("--reference", "--source") if references else ("--source", "--reference")
        raise DataError(f"{given} is half of a test set", hint=f"give {missing} too")
    first = TestSet(None, [list(read_lines(references[0]))], [])
    others = [read(path, first) for path in references[1:]]
    own = None if source is None else read(Path(source), first)
    given = (*references, *([] if source is None else [Path(source)]))
    return TestSet(own, [*first.references, *others], [], files=given)


def _from_config(path: Path, on_progress: OnProgress | None) -> TestSet:
    """Pairs held out from the training text are those that training held out."""
    config = settings.load(path)
    if config.data.test is None:
        raise DataError(f"{path}: names no test text", hint="set data.test, or give --source and --reference")
    if isinstance(config.data.test, ParallelText):
        text, where = Pairs.of(read_pairs(config.data.test)), [config.data.test]
    else:
        text, where = prepare(config, on_progress=on_progress).test_text, config.data.texts
    languages = (config.data.source_language, config.data.target_language)
    read_from = tuple(path for each in where for path in each.files)
    return TestSet(text.source, [text.target], [], config.data.test.tag, languages, read_from)


def _config_of(run: Path) -> Path:
    if bundle.locate(run) == run:
        raise DataError(f"{run}: a model bundle names no test text", hint="give --source and --reference, or --config")
    return run / "config.yaml"
