"""Text -> tokenizers + corpora: clean, hold out, train the tokenizers on a sample, encode.

Each is a pass of its own over the training text, which is never held in memory.
"""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, starmap
from pathlib import Path

import numpy as np

from nmt import checksums, files
from nmt.config import Config
from nmt.config.sources import NEARLY_ALL
from nmt.data import augment
from nmt.data import selection as select
from nmt.data.cleaning import Verdict, named
from nmt.data.corpus import open_corpus
from nmt.data.encode import encode, encoders
from nmt.data.masking import masker_of
from nmt.data.report import Report, Text, TextReport, total
from nmt.data.round_trip import round_trip
from nmt.data.selection import Selection
from nmt.data.splits import Pairs, Tell, chosen, split, telling, text_names
from nmt.data.tokenizer import Tokenizers, save_tokenizers
from nmt.data.tokenizer_training import MOST_CHARACTERS, train_shared, train_tokenizer
from nmt.data.vocabulary import grow, grow_by_words
from nmt.errors import DataError


def build(
    folder: Path, config: Config, base: Tokenizers | None, tell: Tell, *, workers: int | None, cores: int
) -> None:  # fmt: skip
    """Fill an empty folder with the tokenizers, the corpora, the development and test text, the report and SHA256SUMS.

    The tokenizers are those of the `base` that is finetuned, grown where the config says so; without one they are new.
    `workers` and `cores` as for `encoders`. `tell` hears the stage and how many pairs it has done. Raises DataError and
    ConfigError for text that does not do.
    """
    data, (selection, texts, overlap, notes, warnings) = config.data, split(config, tell)
    limit, tags = config.model.max_length, [text.tag for text in data.texts]
    kept = int(selection.kept.sum())
    masker, shares = masker_of(config.tokenizer), augment.shares_of(data.augment, config.tokenizer)
    how = {"language": data.source_language, "max_length": limit, "masker": masker, "workers": workers, "cores": cores}
    with encoders(folder, pairs=kept, **how) as work:
        trained = _train_tokenizers(config, selection, tell) if base is None else _grown(base, config, selection, tell)
        tokenizers = trained.tagged(data.tags)
        save_tokenizers(folder, tokenizers)
        encoded = partial(encode, work=work, sizes=[each.size for each in tokenizers])
        pairs = telling(chosen(data, selection, selection.kept), "encoding", tell)
        extra = _augmented(config, selection, shares) if shares else ()
        sampled = {"with_texts": config.tokenizer.sampling > 0}
        found = encoded(folder / "train", chain(pairs, extra), tags=tags * (2 if shares else 1), **sampled)
        train, copies = found[: len(tags)], found[len(tags) :]
        pairs = [zip(*texts["dev"], strict=True)]
        (dev,) = encoded(folder / "dev", pairs, tags=[data.dev.tag], with_texts=False)
    _check_encoded(text_names(data.texts), train, limit)
    _check_encoded(["data.dev"], [dev], limit)
    for name, pairs in texts.items():
        for side, lines in zip(Pairs._fields, pairs, strict=True):
            files.write_text(folder / f"{name}.{side}.txt", "".join(f"{line}\n" for line in lines))
    report = Report(
        read=len(selection.verdicts), dropped=_dropped(selection.counts(), total(train)), overlap=overlap,
        overlap_rule=data.overlap, train=total(train), dev=dev,
        test_pairs=len(texts["test"].source) if "test" in texts else None,
        vocabulary=(tokenizers.source.size, tokenizers.target.size), shared=config.tokenizer.shared,
        round_trip=round_trip(tokenizers.target, texts["dev"].target), usual=_usual_length(folder / "train"),
        augmented=tuple(text.pairs for text in copies), texts=_by_text(selection, tags, train), notes=notes,
        text_warnings=warnings,
    )  # fmt: skip
    files.write_text(folder / "report.json", json.dumps(report.to_json(), indent=2) + "\n")
    checksums.write(folder, sorted(path.name for path in folder.iterdir() if path.is_file()))


def _augmented(config: Config, selection: Selection, shares: dict[str, float]) -> Iterator[Iterator[tuple[str, str]]]:
    """The changed copies of each training text's pairs."""
    for number, pairs in enumerate(chosen(config.data, selection, selection.kept)):
        yield augment.copies(pairs, shares, config.tokenizer, text=number)


def _check_encoded(names: Sequence[str], texts: Sequence[Text], limit: int) -> None:
    for name, text in zip(names, texts, strict=True):
        if not text.pairs:
            raise DataError(f"{name}: every pair is longer than model.max_length ({limit}) allows", hint="raise it")


def _usual_length(corpus: Path) -> int:
    """Pieces that nearly all sources of a corpus do not exceed."""
    return int(np.quantile(open_corpus(corpus).lengths[:, 0], NEARLY_ALL, method="higher"))


def _dropped(counts: dict[Verdict, int], train: Text) -> dict[str, int]:
    return named({**counts, Verdict.TOO_MANY_PIECES: train.too_long, Verdict.KEPT: 0})


def _by_text(selection: Selection, tags: Sequence[str | None], train: Sequence[Text]) -> tuple[TextReport, ...]:
    """The report on each of several texts."""
    if len(train) == 1:
        return ()
    counted = map(selection.counts, selection.texts)
    return tuple(
        TextReport(tag, sum(counts.values()), _dropped(counts, text), text.pairs)
        for tag, counts, text in zip(tags, counted, train, strict=True)
    )


def _sampled(config: Config, selection: Selection, tell: Tell, stage: str) -> Iterator[tuple[str, str]]:
    """The pairs that a tokenizer is trained on."""
    settings = config.tokenizer
    sample = select.sample(
        selection, settings.sample, characters=MOST_CHARACTERS[settings.kind], seed=settings.seed
    )
    pairs = chain.from_iterable(telling(chosen(config.data, selection, sample), stage, tell))
    masked = starmap(masker_of(settings).mask_pair, pairs)
    return ((source.text, target.text) for source, target in masked)


def _train_tokenizers(config: Config, selection: Selection, tell: Tell) -> Tokenizers:
    settings, pairs = config.tokenizer, partial(_sampled, config, selection, tell)
    if settings.shared:
        return train_shared(pairs("training the tokenizer"), settings)
    sources = (source for source, _ in pairs("training the source tokenizer"))
    targets = (target for _, target in pairs("training the target tokenizer"))
    return Tokenizers(
        train_tokenizer(sources, settings, side="source", name="the source text"),
        train_tokenizer(targets, settings, side="target", name="the target text"),
    )


def _grown(base: Tokenizers, config: Config, selection: Selection, tell: Tell) -> Tokenizers:
    """The tokenizers with the pieces that the config appends."""
    settings, pieces, words = config.tokenizer, config.finetune.pieces, config.finetune.words
    pairs = partial(_sampled, config, selection, tell)
    groups = [base] if settings.shared else [[each] for each in base]  # tokenizers of one vocabulary each
    if words:
        grown = [grow_by_words(group, words, settings) for group in groups]
    elif pieces and settings.shared:
        grown = [grow(base, pairs("growing the vocabulary"), settings, pieces=pieces)]
    elif pieces:
        sources = ((source,) for source, _ in pairs("growing the source vocabulary"))
        targets = ((target,) for _, target in pairs("growing the target vocabulary"))
        grown = [
            grow(groups[0], sources, settings, pieces=pieces, name="the source text"),
            grow(groups[1], targets, settings, pieces=pieces, name="the target text"),
        ]
    else:
        return base
    return Tokenizers(*chain.from_iterable(grown))
