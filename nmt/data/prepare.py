"""Text -> tokenizer + corpora, cached by content.

What `build` makes lies in a folder named by a hash of the input files' bytes and of every setting that has a say, so a
second run only computes the hash, and a changed file or setting is noticed. What was made is checked against its sums,
in a fraction of that hash's time, and made again when it is damaged: the same bytes, so that a run goes on with it. Of
two processes that need the same data one makes it, and the other waits.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from nmt import checksums, files, locks, streams
from nmt.config import Config, HeldOut, ParallelText
from nmt.data import augment
from nmt.data.build import build
from nmt.data.corpus import Corpus, Part, Sampling, open_corpus
from nmt.data.report import Report
from nmt.data.splits import Pairs
from nmt.data.text import digest, form_in_name, read_lines
from nmt.data.tokenizer import Tokenizers, load_tokenizers
from nmt.data.vocabulary import base_tokenizers
from nmt.errors import DataError, NMTError
from nmt.workers import threads_of

__all__ = ["Pairs", "Prepared", "Report", "prepare"]

_FORMAT = 4  # of the folder; a new one makes every cache stale
_POLL = 0.2  # seconds between two looks at whether another process is done

OnProgress = Callable[[str, int], None]


class Prepared(NamedTuple):
    """All that training needs."""

    folder: Path
    key: str
    texts: dict[str, str]
    """Setting that names a text file -> digest of the file: `data.train.source.1`, counted from 1."""
    tokenizers: Tokenizers
    train: Corpus
    dev: Corpus
    """Without the pairs that are longer than the model takes."""
    dev_text: Pairs
    test_text: Pairs | None
    report: Report
    mended: bool = False
    """It was in the cache, damaged or incomplete, and has been made anew."""


def prepare(
    config: Config, *, texts: Mapping[str, str] | None = None, on_progress: OnProgress | None = None,
    workers: int | None = 1, cores: int | None = None,
) -> Prepared:  # fmt: skip
    """The data of a config, from the cache where it is there and whole.

    `texts` are the digests that the text files must have, as `Prepared` tells them. `on_progress` is told the stage and
    how far it has come. `workers` processes encode the text on `cores` (None: as many as pay, and all); they do not
    change the result. Raises DataError and ConfigError for text that cannot be used.
    """
    streams.refuse(config.run)
    cache = _cache(config)
    files.check_above(cache)
    tell = on_progress or (lambda stage, done: None)
    found = _digests(config, tell)
    if texts is not None:
        _compare(config, texts, found)
    base = base_tokenizers(config)
    key = _key(config, found, base)
    folder = cache / key
    files.check_above(folder)

    load = partial(_load_whole, folder, key, found, config)
    _clear_away(folder.parent)
    if prepared := load():
        return prepared
    for tries in count():
        with locks.lock(folder.with_name(f".{key}.lock")) as alone:
            if alone:
                if prepared := load():  # the other process made it
                    return prepared
                damaged = folder.exists()
                with files.replacing_folder(folder) as fresh:
                    build(fresh, config, base, tell, workers=workers, cores=threads_of(cores))
                return _load(folder, key, found, config)._replace(mended=damaged)
        tell("waiting for another process that prepares the same text", round(tries * _POLL))
        time.sleep(_POLL)


def find(config: Config) -> Prepared | None:
    """The data of a config if they are in the cache and whole; nothing is prepared."""
    with suppress(OSError, EOFError, ValueError, LookupError, TypeError, NMTError):  # of the text or the base model
        found = _digests(config, lambda stage, done: None)
        key = _key(config, found, base_tokenizers(config))
        return _load_whole(_cache(config) / key, key, found, config)
    return None


def _cache(config: Config) -> Path:
    """The folder in which prepared data lie."""
    return config.data.cache or config.run.parent / "prepared"


def _clear_away(cache: Path) -> None:
    """Remove what killed processes left in the cache; what a living one works at is locked."""
    names = [path.name for path in cache.iterdir()] if cache.is_dir() else []
    for key in {match[1] for name in names if (match := re.match(r"\.([0-9a-f]{16})\.", name))}:
        with suppress(OSError), locks.lock(cache / f".{key}.lock") as alone:
            if alone:
                files.recover(cache / key)


def _digests(config: Config, tell: OnProgress) -> dict[str, str]:
    """The digest of each text file, by the setting that names it."""
    found = {}
    for setting, path in _paths(config).items():
        tell("checking files", len(found))
        found[setting] = digest(path)
    return found


def _paths(config: Config) -> dict[str, Path]:
    words = {"finetune.words": config.finetune.words} if config.finetune and config.finetune.words else {}
    return words | {
        f"data.{name}.{form}.{number}": path
        for name, text in _texts(config).items()
        for form in ("source", "target", "tsv")
        for number, path in enumerate(getattr(text, form), start=1)
    }


def _texts(config: Config) -> dict[str, ParallelText]:
    """By their names in the config: `train`, or of several `train[0]`, counted from 0 as its faults are."""
    texts, data = config.data.texts, config.data
    train = {f"train[{number}]": text for number, text in enumerate(texts)} if len(texts) > 1 else {"train": texts[0]}
    splits = {"dev": data.dev, "test": data.test}
    return train | {name: text for name, text in splits.items() if isinstance(text, ParallelText)}


def _compare(config: Config, expected: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Raise DataError that tells which text files are not those that are expected."""
    paths = _paths(config)
    changed = [
        *(f"{setting}: {paths[setting]} has another content" for setting in found
          if setting in expected and found[setting] != expected[setting]),
        *(f"{setting}: {paths[setting]} is new" for setting in found if setting not in expected),
        *(f"{setting}: there is no such file any more" for setting in expected if setting not in found),
    ]  # fmt: skip
    if changed:
        lines = "".join(f"\n  {line}" for line in changed)
        raise DataError(
            f"{config.run}: the text has changed since the run began{lines}",
            hint="bring the old text back to resume, or train into another folder with run=...",
        )


def _key(config: Config, texts: Mapping[str, str], base: Tokenizers | None) -> str:
    """Names the files' bytes and all settings that change what is prepared."""

    def content(name: str, text: ParallelText | HeldOut | None) -> object:
        if not isinstance(text, ParallelText):
            return text and tagged(text, text.held_out)
        forms = {form: [texts[f"data.{name}.{form}.{number}"] for number in range(1, len(getattr(text, form)) + 1)]
                 for form in ("source", "target", "tsv")}  # fmt: skip
        named = [form_in_name(path) for path in text.tsv]
        return tagged(text, [forms["tsv"], text.columns, named] if text.tsv else [forms["source"], forms["target"]])

    def tagged(text: ParallelText | HeldOut, found: object) -> object:
        return found if text.tag is None else {text.tag: found}

    data, tokenizer = config.data, config.tokenizer
    train = [content(name, text) for name, text in _texts(config).items() if name.startswith("train")]
    settings = [
        _FORMAT, data.source_language, train if len(train) > 1 else train[0],
        content("dev", data.dev), content("test", data.test), data.cleaning.model_dump(), data.overlap,
        data.augment and data.augment.model_dump(),
        tokenizer.model_dump(exclude={"sampling"}),
        tokenizer.sampling > 0, config.model.max_length,
    ]  # fmt: skip
    if base is not None:
        settings += [blake2b(each.model, digest_size=16).hexdigest() for each in base]
        settings += [base.source.tags] if base.source.tags else []
        settings += [config.finetune.pieces, texts.get("finetune.words")]
    return blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8).hexdigest()


def _load_whole(folder: Path, key: str, texts: dict[str, str], config: Config) -> Prepared | None:
    """The prepared data in a folder; None if they are not there, or damaged."""
    with suppress(OSError, EOFError, ValueError, LookupError, TypeError, NMTError):
        return _load(folder, key, texts, config)
    return None


def _load(folder: Path, key: str, texts: dict[str, str], config: Config) -> Prepared:
    for path in folder.iterdir():
        if path.suffix in (".model", ".txt", ".json"):
            checksums.check(path)
    tokenizers = load_tokenizers(folder)
    alpha = config.tokenizer.sampling
    sampling = Sampling(tokenizers, alpha, config.model.max_length) if alpha else None
    order = {"right_to_left": config.data.target_order == "right_to_left"}
    report = Report.of_json(json.loads((folder / "report.json").read_text(encoding="utf-8")))
    return Prepared(
        folder=folder, key=key, texts=texts, tokenizers=tokenizers, report=report,
        train=_load_corpus(
            folder / "train", report.train.pairs + sum(report.augmented), sampling=sampling,
            parts=_parts(config, report, tokenizers), **order,
        ),
        dev=_load_corpus(folder / "dev", report.dev.pairs, **order),
        dev_text=_load_text(folder, "dev", report.dev.pairs + report.dev.too_long),
        test_text=None if report.test_pairs is None else _load_text(folder, "test", report.test_pairs),
    )  # fmt: skip


def _parts(config: Config, report: Report, tokenizers: Tokenizers) -> list[Part]:
    """Where each training text is in the corpus, and behind all of them their augmented copies."""
    counts = [text.kept for text in report.texts] or [report.train.pairs]
    tags = {None: None, **tokenizers.source.tags}
    texts = [(text.weight, tags[text.tag]) for text in config.data.texts]
    parts = [Part(count, *text) for count, text in zip(counts, texts, strict=True)]
    shares = augment.shares_of(config.data.augment, config.tokenizer)
    share = augment.weight(shares) if shares else 0.0
    copies = zip(report.augmented, texts, strict=bool(shares))
    return parts + [Part(count, share * weight, tag) for count, (weight, tag) in copies if count]


def _load_corpus(folder: Path, pairs: int, **how: Any) -> Corpus:
    corpus = open_corpus(folder, **how)
    if len(corpus) != pairs:
        raise ValueError(f"{folder}: {len(corpus)} pairs, not {pairs}")
    return corpus


def _load_text(folder: Path, name: str, pairs: int) -> Pairs:
    text = Pairs(*(list(read_lines(folder / f"{name}.{side}.txt")) for side in Pairs._fields))
    if any(len(side) != pairs for side in text):
        raise ValueError(f"{folder}: not {pairs} pairs in the {name} text")
    return text
