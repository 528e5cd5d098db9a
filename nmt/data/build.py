"""Text -> tokenizers + corpora: clean, hold out, train the tokenizers on a sample, encode.

Each is a pass of its own over the training text, which is never held in memory.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, compress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nmt import checksums, files
from nmt.config import Config, DataConfig, HeldOut, ParallelText
from nmt.data import selection as select
from nmt.data.cleaning import Verdict
from nmt.data.encode import encode
from nmt.data.report import Report, Text, TextReport, total
from nmt.data.selection import Selection
from nmt.data.text import read_pairs
from nmt.data.tokenizer import MOST_CHARACTERS, Tokenizers, save_tokenizers, train_tokenizer
from nmt.errors import DataError

_EVERY = 10_000  # pairs between two reports of progress

Tell = Callable[[str, int], None]


class Pairs(NamedTuple):
    """Raw text, line n of one side beside line n of the other."""

    source: list[str]
    target: list[str]


def build(folder: Path, config: Config, tell: Tell, *, workers: int | None, cores: int) -> None:
    """Fill an empty folder with the tokenizers, the corpora, the development and test text, the report and SHA256SUMS.

    `workers` and `cores` as for `encode`. `tell` hears the stage and how many pairs it has done. Raises DataError and
    ConfigError for text that does not do.
    """
    data = config.data
    given = {
        name: _collected(read_pairs(text))
        for name, text in (("dev", data.dev), ("test", data.test))
        if isinstance(text, ParallelText)
    }
    tags = [text.tag for text in data.texts]
    selection = select.examine(_telling(map(read_pairs, data.texts), "cleaning", tell), data.cleaning, kinds=tags)
    overlap = select.overlap(selection, list(given.values()), drop=data.overlap == "drop")
    texts = given | _held_out(config, selection)
    _check(selection, texts)
    tokenizers = _train_tokenizers(config, selection, tell).tagged(data.tags)
    save_tokenizers(folder, tokenizers)
    for name, pairs in texts.items():
        for side, lines in zip(Pairs._fields, pairs, strict=True):
            files.write_text(folder / f"{name}.{side}.txt", "".join(f"{line}\n" for line in lines))
    kept = _telling(_chosen(data, selection, selection.kept), "encoding", tell)
    share = {"max_length": config.model.max_length, "workers": workers, "cores": cores}
    train = encode(folder / "train", kept, folder, tags=tags, with_texts=config.tokenizer.sampling > 0, **share)
    (dev,) = encode(folder / "dev", [zip(*texts["dev"], strict=True)], folder, tags=[data.dev.tag], with_texts=False,
                    **share)  # fmt: skip
    _check_encoded(data, train, config.model.max_length)
    report = Report(
        read=len(selection.verdicts), dropped=_dropped(selection.counts(), total(train)), overlap=overlap,
        train=total(train), dev=dev, test_pairs=len(texts["test"].source) if "test" in texts else None,
        vocabulary=(tokenizers.source.size, tokenizers.target.size), shared=tokenizers.shared,
        texts=_by_text(selection, tags, train),
    )  # fmt: skip
    files.write_text(folder / "report.json", json.dumps(report.to_json(), indent=2) + "\n")
    checksums.write(folder, sorted(path.name for path in folder.iterdir() if path.is_file()))


def _collected(pairs: Iterable[tuple[str, str]]) -> Pairs:
    sides = list(zip(*pairs, strict=True)) or [(), ()]
    return Pairs(*map(list, sides))


def _telling(texts: Iterable[Iterable[tuple[str, str]]], stage: str, tell: Tell) -> Iterator[Iterator[tuple[str, str]]]:
    """The pairs of each text, to be read one after the other."""
    tell(stage, 0)
    done = 0

    def heard(text: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        nonlocal done
        for pair in text:
            done += 1
            if done % _EVERY == 0:
                tell(stage, done)
            yield pair

    yield from map(heard, texts)


def _chosen(data: DataConfig, selection: Selection, rows: np.ndarray) -> Iterator[Iterator[tuple[str, str]]]:
    """Of each training text the pairs that `rows` [N] says."""
    for text, places in zip(data.texts, selection.texts, strict=True):
        yield compress(read_pairs(text), rows[places])


def _held_out(config: Config, selection: Selection) -> dict[str, Pairs]:
    """The splits that are taken from the training text; no sentence is in two of them, nor stays in it."""
    data, taken = config.data, {}
    for name, split in (("dev", data.dev), ("test", data.test)):
        if isinstance(split, HeldOut):
            among = [text.tag == split.tag for text in data.texts]
            taken[name] = select.hold_out(
                selection, split.held_out, split=name, seed=config.tokenizer.seed, among=among
            )
    return {name: _collected(chain.from_iterable(_chosen(data, selection, rows))) for name, rows in taken.items()}


def _check(selection: Selection, texts: dict[str, Pairs]) -> None:
    for name, meaning in (("dev", "development"), ("test", "test")):
        if name in texts and not texts[name].source:
            raise DataError(f"data.{name}: the {meaning} text has no lines", hint="the files that it names are empty")
    if not len(selection.verdicts):
        raise DataError("data.train: the training text has no lines", hint="the files that it names are empty")
    for name, text in zip(_text_names(selection.texts), selection.texts, strict=True):
        if not selection.kept[text].any():
            counts = selection.counts(text)
            reasons = ", ".join(f"{reason}: {count:,}" for reason, count in _names(counts).items()) or "no lines"
            raise DataError(
                f"{name}: of {sum(counts.values()):,} training pairs none is left ({reasons})",
                hint="data.cleaning holds the limits" + ("; what is wanted twice has a weight" if "[" in name else ""),
            )


def _text_names(texts: Sequence) -> list[str]:
    """What faults call the training texts."""
    return [f"data.train[{number}]" for number in range(len(texts))] if len(texts) > 1 else ["data.train"]


def _check_encoded(data: DataConfig, train: Sequence[Text], limit: int) -> None:
    for name, text in zip(_text_names(data.texts), train, strict=True):
        if not text.pairs:
            raise DataError(f"{name}: every pair is longer than model.max_length ({limit}) allows", hint="raise it")


def _names(counts: dict[Verdict, int]) -> dict[str, int]:
    return {verdict.name.lower().replace("_", " "): count for verdict, count in counts.items() if count}


def _dropped(counts: dict[Verdict, int], train: Text) -> dict[str, int]:
    return _names({**counts, Verdict.TOO_MANY_PIECES: train.too_long, Verdict.KEPT: 0})


def _by_text(selection: Selection, tags: Sequence[str | None], train: Sequence[Text]) -> tuple[TextReport, ...]:
    """The report on each of several texts."""
    if len(train) == 1:
        return ()
    counted = map(selection.counts, selection.texts)
    return tuple(
        TextReport(tag, sum(counts.values()), _dropped(counts, text), text.pairs)
        for tag, counts, text in zip(tags, counted, train, strict=True)
    )


def _train_tokenizers(config: Config, selection: Selection, tell: Tell) -> Tokenizers:
    settings = config.tokenizer
    most = MOST_CHARACTERS[settings.kind]
    sample = select.sample(selection, settings.sample, characters=most, seed=settings.seed)

    def pairs(stage: str) -> Iterator[tuple[str, str]]:
        return chain.from_iterable(_telling(_chosen(config.data, selection, sample), stage, tell))

    if settings.shared:
        both = train_tokenizer(chain.from_iterable(pairs("training the tokenizer")), settings)
        return Tokenizers(both, both)
    sources = (source for source, _ in pairs("training the source tokenizer"))
    targets = (target for _, target in pairs("training the target tokenizer"))
    return Tokenizers(
        train_tokenizer(sources, settings, name="the source text"),
        train_tokenizer(targets, settings, name="the target text"),
    )
