"""Pairs of text -> a corpus of ids, in chunks that several processes encode at once.

A chunk and its place depend on the text alone, so the files are the same for any number of processes and threads.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import compress, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nmt.data.corpus import Ragged, id_kind, ragged, writing
from nmt.data.masking import Masker
from nmt.data.report import Side, Text, total
from nmt.data.sentences import sentences
from nmt.data.tokenizer import Tokenizers, load_tokenizers
from nmt.ids import UNK
from nmt.workers import crew, workers_for

_CHUNK = 4096  # pairs
_CHUNKS_A_WORKER = 8  # with fewer the start of a process takes longer than it saves

Pairs = Iterable[tuple[str, str]]


class _Chunk(NamedTuple):
    """Some pairs of one text."""

    text: int
    tag: str | None
    with_texts: bool
    pairs: list[tuple[str, str]]


class _Encoded(NamedTuple):
    """A chunk's pairs that the model can take."""

    text: int
    columns: list[Ragged]  # as `writing` wants them
    source: Side
    target: Side
    too_long: int
    several: int


Encode = Callable[[Iterable[_Chunk]], Iterator[_Encoded]]


def encoders(
    folder: Path, *, language: str, pairs: int, max_length: int, masker: Masker, workers: int | None, cores: int
) -> AbstractContextManager[Encode]:
    """What encodes the chunks of so many pairs, by the tokenizers that the folder holds when the first one comes.

    `language` is that of the sources, whose sentences are counted.
    `workers` processes share the `cores`, and start now; None takes as many as pay.
    """
    if workers is None:
        workers, _ = workers_for(range(0, pairs, _CHUNK), most=cores, each=_CHUNKS_A_WORKER)
    how = {"language": language, "masker": masker, "max_length": max_length, "threads": max(1, cores // workers)}
    load = partial(_load, folder, **how)
    return crew(load, workers=workers)


def encode(
    folder: Path, texts: Iterable[Pairs], work: Encode, *, sizes: Sequence[int], tags: Sequence[str | None],
    with_texts: bool,
) -> list[Text]:  # fmt: skip
    """Write one corpus of all pairs that the model can take, and count each text's. `work` comes from `encoders`.

    `sizes` are the vocabularies'. Every source begins with the tag of its text, if that has one.
    """
    folder.mkdir()
    counted = [Text(0, 0, Side(), Side()) for _ in tags]
    with writing(folder, sizes, with_texts=with_texts) as append:
        for found in work(_chunks(zip(texts, tags, strict=True), with_texts=with_texts)):
            append(found.columns)
            here = Text(len(found.columns[0].starts) - 1, found.too_long, found.source, found.target, found.several)
            counted[found.text] = total([counted[found.text], here])
    return counted


def _chunks(texts: Iterable[tuple[Pairs, str | None]], *, with_texts: bool) -> Iterator[_Chunk]:
    for number, (pairs, tag) in enumerate(texts):
        pairs = iter(pairs)
        while chunk := list(islice(pairs, _CHUNK)):
            yield _Chunk(number, tag, with_texts, chunk)


def _load(folder: Path, **options) -> Callable[[_Chunk], _Encoded]:
    """What a process does with a chunk."""
    return partial(_encode, load_tokenizers(folder), **options)


def _encode(
    tokenizers: Tokenizers, chunk: _Chunk, *, language: str, masker: Masker, max_length: int, threads: int
) -> _Encoded:
    pairs = (masker.mask_pair(*pair) for pair in chunk.pairs)
    lines = list(zip(*((source.text, target.text) for source, target in pairs), strict=True))
    rows = [tokenizer.arrays(side, threads=threads) for tokenizer, side in zip(tokenizers, lines, strict=True)]
    if chunk.tag is not None:
        tag = np.array([tokenizers.source.tags[chunk.tag]], np.int32)
        rows[0] = [np.concatenate([tag, row]) for row in rows[0]]
    fits = [max(map(len, pair)) < max_length for pair in zip(*rows, strict=True)]
    lines, rows = ([list(compress(side, fits)) for side in sides] for sides in (lines, rows))
    columns = [ragged(side, id_kind(tokenizer.size)) for tokenizer, side in zip(tokenizers, rows, strict=True)]
    texts = [ragged([line.encode() for line in side], np.uint8) for side in lines if chunk.with_texts]
    counts = [_count(*side) for side in zip(lines, columns, strict=True)]
    several = sum(len(sentences(line, language)) > 1 for line in lines[0])
    return _Encoded(chunk.text, columns + texts, *counts, too_long=len(fits) - sum(fits), several=several)


def _count(lines: list[str], ids: Ragged) -> Side:
    return Side(
        words=sum(len(line.split()) for line in lines),
        pieces=len(ids.values),
        unknown=int((ids.values == UNK).sum()),
        longest=int(np.diff(ids.starts).max(initial=0)),
    )
