"""Text -> tokenizers + corpora: clean, hold out, train the tokenizers on a sample, encode.

Each is a pass of its own over the training text, which is never held in memory.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, compress
from pathlib import Path
from typing import NamedTuple

from nmt import checksums, files
from nmt.config import Config, HeldOut, ParallelText
from nmt.data import selection as select
from nmt.data.cleaning import Verdict
from nmt.data.encode import encode
from nmt.data.report import Report, Text
from nmt.data.selection import Selection
from nmt.data.text import read_pairs
from nmt.data.tokenizer import MOST_CHARACTERS, Tokenizers, save_tokenizers, train_tokenizer
from nmt.data.vocabulary import grow, grow_by_words
from nmt.errors import DataError

_EVERY = 10_000  # pairs between two reports of progress

Tell = Callable[[str, int], None]


class Pairs(NamedTuple):
    """Raw text, line n of one side beside line n of the other."""

    source: list[str]
    target: list[str]


def build(
    folder: Path, config: Config, base: Tokenizers | None, tell: Tell, *, workers: int | None, cores: int
) -> None:  # fmt: skip
    """Fill an empty folder with the tokenizers, the corpora, the development and test text, the report and SHA256SUMS.

    The tokenizers are those of the `base` that is finetuned, grown where the config says so; without one they are new.
    `workers` and `cores` as for `encode`. `tell` hears the stage and how many pairs it has done. Raises DataError and
    ConfigError for text that does not do.
    """
    data = config.data
    selection, texts, overlap = choose(config, tell)
    tokenizers = _train_tokenizers(config, selection, tell) if base is None else _grown(base, config, selection, tell)
    save_tokenizers(folder, tokenizers)
    for name, pairs in texts.items():
        for side, lines in zip(Pairs._fields, pairs, strict=True):
            files.write_text(folder / f"{name}.{side}.txt", "".join(f"{line}\n" for line in lines))
    kept = _telling(compress(read_pairs(data.train), selection.kept), "encoding", tell)
    limit, with_texts = config.model.max_length, config.tokenizer.sampling > 0
    dev = zip(*texts["dev"], strict=True)
    share = {"max_length": limit, "workers": workers, "cores": cores}
    train = encode(folder / "train", kept, folder, with_texts=with_texts, **share)
    dev = encode(folder / "dev", dev, folder, with_texts=False, **share)
    report = Report(
        read=len(selection.verdicts), dropped=_dropped(selection, train), overlap=overlap, train=train, dev=dev,
        test_pairs=len(texts["test"].source) if "test" in texts else None,
        vocabulary=(tokenizers.source.size, tokenizers.target.size), shared=tokenizers.shared,
    )  # fmt: skip
    files.write_text(folder / "report.json", json.dumps(report.to_json(), indent=2) + "\n")
    checksums.write(folder, sorted(path.name for path in folder.iterdir() if path.is_file()))


def choose(config: Config, tell: Tell) -> tuple[Selection, dict[str, Pairs], int]:
    """What becomes of each training pair, the texts of dev and test, and how many training pairs overlap with them.

    Raises DataError for text that does not do.
    """
    data = config.data
    given = {
        name: _collected(read_pairs(text))
        for name, text in (("dev", data.dev), ("test", data.test))
        if isinstance(text, ParallelText)
    }
    selection = select.examine(_telling(read_pairs(data.train), "cleaning", tell), data.cleaning)
    overlap = select.overlap(selection, list(given.values()), drop=data.overlap == "drop")
    texts = given | _held_out(config, selection)
    _check(selection, texts)
    return selection, texts, overlap


def training_pairs(config: Config) -> tuple[Iterator[tuple[str, str]], dict[str, Pairs]]:
    """The pairs that a config trains on, as text, and its development and test text."""
    selection, texts, _ = choose(config, lambda stage, done: None)
    return compress(read_pairs(config.data.train), selection.kept), texts


def _collected(pairs: Iterable[tuple[str, str]]) -> Pairs:
    sides = list(zip(*pairs, strict=True)) or [(), ()]
    return Pairs(*map(list, sides))


def _telling(pairs: Iterable[tuple[str, str]], stage: str, tell: Tell) -> Iterator[tuple[str, str]]:
    tell(stage, 0)
    for done, pair in enumerate(pairs, start=1):
        if done % _EVERY == 0:
            tell(stage, done)
        yield pair


def _held_out(config: Config, selection: Selection) -> dict[str, Pairs]:
    """The splits that are taken from the training text; no sentence is in two of them, nor stays in it."""
    data, taken = config.data, {}
    for name, split in (("dev", data.dev), ("test", data.test)):
        if isinstance(split, HeldOut):
            taken[name] = select.hold_out(selection, split.held_out, split=name, seed=config.tokenizer.seed)
    return {name: _collected(compress(read_pairs(data.train), rows)) for name, rows in taken.items()}


def _check(selection: Selection, texts: dict[str, Pairs]) -> None:
    for name, meaning in (("dev", "development"), ("test", "test")):
        if name in texts and not texts[name].source:
            raise DataError(f"data.{name}: the {meaning} text has no lines", hint="the files that it names are empty")
    if not len(selection.verdicts):
        raise DataError("data.train: the training text has no lines", hint="the files that it names are empty")
    if not selection.kept.any():
        reasons = ", ".join(f"{reason}: {count:,}" for reason, count in _names(selection.counts()).items())
        raise DataError(
            f"data.train: of {len(selection.verdicts):,} training pairs none is left ({reasons})",
            hint="data.cleaning holds the limits",
        )


def _names(counts: dict[Verdict, int]) -> dict[str, int]:
    return {verdict.name.lower().replace("_", " "): count for verdict, count in counts.items() if count}


def _dropped(selection: Selection, train: Text) -> dict[str, int]:
    counts = {**selection.counts(), Verdict.TOO_MANY_PIECES: train.too_long}
    del counts[Verdict.KEPT]
    return _names(counts)


def _sampled(config: Config, selection: Selection, tell: Tell, stage: str) -> Iterator[tuple[str, str]]:
    """The pairs that a tokenizer is trained on."""
    settings = config.tokenizer
    sample = select.sample(
        selection, settings.sample, characters=MOST_CHARACTERS[settings.kind], seed=settings.seed
    )
    return _telling(compress(read_pairs(config.data.train), sample), stage, tell)


def _train_tokenizers(config: Config, selection: Selection, tell: Tell) -> Tokenizers:
    settings, pairs = config.tokenizer, partial(_sampled, config, selection, tell)
    if settings.shared:
        both = train_tokenizer(chain.from_iterable(pairs("training the tokenizer")), settings)
        return Tokenizers(both, both)
    sources = (source for source, _ in pairs("training the source tokenizer"))
    targets = (target for _, target in pairs("training the target tokenizer"))
    return Tokenizers(
        train_tokenizer(sources, settings, name="the source text"),
        train_tokenizer(targets, settings, name="the target text"),
    )


def _grown(base: Tokenizers, config: Config, selection: Selection, tell: Tell) -> Tokenizers:
    """The tokenizers with the pieces that the config appends."""
    kind, pieces, words = config.tokenizer.kind, config.finetune.pieces, config.finetune.words
    pairs = partial(_sampled, config, selection, tell)
    if words:
        grown = [grow_by_words(each, words, kind=kind) for each in dict.fromkeys(base)]
    elif pieces and base.shared:
        lines = chain.from_iterable(pairs("growing the vocabulary"))
        grown = [grow(base.source, lines, kind=kind, pieces=pieces)]
    elif pieces:
        sources = (source for source, _ in pairs("growing the source vocabulary"))
        targets = (target for _, target in pairs("growing the target vocabulary"))
        grown = [
            grow(base.source, sources, kind=kind, pieces=pieces, name="the source text"),
            grow(base.target, targets, kind=kind, pieces=pieces, name="the target text"),
        ]
    else:
        return base
    return Tokenizers(grown[0], grown[-1])
