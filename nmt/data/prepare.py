"""Text -> tokenizer + corpora, cached by content.

What `build` makes lies in a folder named by a hash of the input files' bytes and of every setting that has a say, so a
second run only computes the hash, and a changed file or setting is noticed.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from nmt import files
from nmt.config import Config, HeldOut, ParallelText
from nmt.data.build import Pairs, build
from nmt.data.corpus import Corpus, Sampling, open_corpus
from nmt.data.report import Report
from nmt.data.text import digest, read_lines
from nmt.data.tokenizer import Tokenizers, load_tokenizers
from nmt.errors import NMTError
from nmt.workers import count_cores

__all__ = ["Pairs", "Prepared", "Report", "prepare"]

_FORMAT = 1  # of the folder; a new one makes every cache stale

OnProgress = Callable[[str, int], None]


class Prepared(NamedTuple):
    """All that training needs."""

    folder: Path
    key: str
    tokenizers: Tokenizers
    train: Corpus
    dev: Corpus
    """Without the pairs that are longer than the model takes."""
    dev_text: Pairs
    test_text: Pairs | None
    report: Report


def prepare(
    config: Config, *, on_progress: OnProgress | None = None, workers: int | None = 1, cores: int | None = None
) -> Prepared:
    """The data of a config, from the cache where it is there and whole.

    `workers` processes encode the text on `cores` (None: as many as pay, and all). They do not change the result.
    `on_progress` is told the stage and how far it has come. Raises DataError and ConfigError for text that cannot be
    used.
    """
    tell = on_progress or (lambda stage, done: None)
    key = _key(config, tell)
    folder = (config.data.cache or config.run.parent / "prepared") / key
    with suppress(OSError, EOFError, ValueError, LookupError, TypeError, NMTError):  # not there, or damaged
        return _load(folder, key, config)
    with files.replacing_folder(folder) as fresh:
        build(fresh, config, tell, workers=workers, cores=cores or count_cores())
    return _load(folder, key, config)


def _key(config: Config, tell: OnProgress) -> str:
    """Names the files' bytes and all settings that change what is prepared."""

    def content(paths: Iterable[Path]) -> list[str]:
        found = []
        for path in paths:
            tell("checking files", len(found))
            found.append(digest(path))
        return found

    def split(text: ParallelText | HeldOut | None) -> object:
        if not isinstance(text, ParallelText):
            return text and text.held_out
        return [content(text.tsv), text.columns] if text.tsv else [content(text.source), content(text.target)]

    data, tokenizer = config.data, config.tokenizer
    settings = [
        _FORMAT, split(data.train), split(data.dev), split(data.test), data.cleaning.model_dump(), data.overlap,
        tokenizer.model_dump(exclude={"sampling"}), tokenizer.sampling > 0, config.model.max_length,
    ]  # fmt: skip
    return blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8).hexdigest()


def _load(folder: Path, key: str, config: Config) -> Prepared:
    tokenizers = load_tokenizers(folder)
    alpha = config.tokenizer.sampling
    sampling = Sampling(tokenizers, alpha, config.model.max_length) if alpha else None
    report = Report.of_json(json.loads((folder / "report.json").read_text(encoding="utf-8")))
    return Prepared(
        folder=folder, key=key, tokenizers=tokenizers, report=report,
        train=_load_corpus(folder / "train", report.train.pairs, sampling),
        dev=_load_corpus(folder / "dev", report.dev.pairs, None),
        dev_text=_load_text(folder, "dev", report.dev.pairs + report.dev.too_long),
        test_text=None if report.test_pairs is None else _load_text(folder, "test", report.test_pairs),
    )  # fmt: skip


def _load_corpus(folder: Path, pairs: int, sampling: Sampling | None) -> Corpus:
    corpus = open_corpus(folder, sampling=sampling)
    if len(corpus) != pairs:
        raise ValueError(f"{folder}: {len(corpus)} pairs, not {pairs}")
    return corpus


def _load_text(folder: Path, name: str, pairs: int) -> Pairs:
    text = Pairs(*(list(read_lines(folder / f"{name}.{side}.txt")) for side in Pairs._fields))
    if any(len(side) != pairs for side in text):
        raise ValueError(f"{folder}: not {pairs} pairs in the {name} text")
    return text
