"""Pairs of text -> a corpus of ids, in chunks that several processes encode at once.

A chunk and its place depend on the text alone, so the files are the same for any number of processes and threads.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import compress, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nmt.data.corpus import Ragged, id_kind, ragged, writing
from nmt.data.report import Side, Text, total
from nmt.data.tokenizer import Tokenizers, load_tokenizers
from nmt.errors import DataError
from nmt.ids import UNK
from nmt.workers import spread, workers_for

_CHUNK = 4096  # pairs
_CHUNKS_A_WORKER = 8  # with fewer the start of a process takes longer than it saves

Pairs = Iterable[tuple[str, str]]


class _Chunk(NamedTuple):
    """Some pairs of one text."""

    text: int
    tag: str | None
    pairs: list[tuple[str, str]]


class _Encoded(NamedTuple):
    """A chunk's pairs that the model can take."""

    text: int
    columns: list[Ragged]  # as `writing` wants them
    source: Side
    target: Side
    too_long: int


def encode(
    folder: Path, texts: Iterable[Pairs], tokenizers: Path, *, tags: Sequence[str | None], max_length: int,
    with_texts: bool, workers: int | None, cores: int,
) -> list[Text]:  # fmt: skip
    """Write one corpus of all pairs that the model can take, by the tokenizers of a folder, and count each text's.

    Every source begins with the tag of its text, if that has one. `workers` processes share the `cores`; None takes as
    many as pay. Raises DataError when no pair is left.
    """
    folder.mkdir()
    chunks = _chunks(zip(texts, tags, strict=True))
    if workers is None:
        workers, chunks = workers_for(chunks, most=cores, each=_CHUNKS_A_WORKER)
    load = partial(_load, tokenizers, max_length=max_length, with_texts=with_texts, threads=max(1, cores // workers))
    sizes = [tokenizer.size for tokenizer in load_tokenizers(tokenizers)]
    counted = [Text(0, 0, Side(), Side()) for _ in tags]
    with writing(folder, sizes, with_texts=with_texts) as append:
        for found in spread(load, chunks, workers=workers):
            append(found.columns)
            here = Text(len(found.columns[0].starts) - 1, found.too_long, found.source, found.target)
            counted[found.text] = total([counted[found.text], here])
    if not any(text.pairs for text in counted):
        raise DataError(
            f"data.{folder.name}: every pair is longer than model.max_length ({max_length}) allows", hint="raise it"
        )
    return counted


def _chunks(texts: Iterable[tuple[Pairs, str | None]]) -> Iterator[_Chunk]:
    for number, (pairs, tag) in enumerate(texts):
        pairs = iter(pairs)
        while chunk := list(islice(pairs, _CHUNK)):
            yield _Chunk(number, tag, chunk)


def _load(folder: Path, **options) -> Callable[[_Chunk], _Encoded]:
    """What a process does with a chunk."""
    return partial(_encode, load_tokenizers(folder), **options)


def _encode(tokenizers: Tokenizers, chunk: _Chunk, *, max_length: int, with_texts: bool, threads: int) -> _Encoded:
    lines = list(zip(*chunk.pairs, strict=True))
    rows = [tokenizer.arrays(side, threads=threads) for tokenizer, side in zip(tokenizers, lines, strict=True)]
    if chunk.tag is not None:
        tag = np.array([tokenizers.source.tags[chunk.tag]], np.int32)
        rows[0] = [np.concatenate([tag, row]) for row in rows[0]]
    fits = [max(map(len, pair)) < max_length for pair in zip(*rows, strict=True)]
    lines, rows = ([list(compress(side, fits)) for side in sides] for sides in (lines, rows))
    columns = [ragged(side, id_kind(tokenizer.size)) for tokenizer, side in zip(tokenizers, rows, strict=True)]
    texts = [ragged([line.encode() for line in side], np.uint8) for side in lines if with_texts]
    counts = [_count(*side) for side in zip(lines, columns, strict=True)]
    return _Encoded(chunk.text, columns + texts, *counts, too_long=len(fits) - sum(fits))


def _count(lines: list[str], ids: Ragged) -> Side:
    return Side(
        words=sum(len(line.split()) for line in lines),
        pieces=len(ids.values),
        unknown=int((ids.values == UNK).sum()),
        longest=int(np.diff(ids.starts).max(initial=0)),
    )
