"""Sentence pairs as ids, memory-mapped: a corpus of any size costs a few bytes a pair of memory.

A folder holds for each side of the pairs:

    source.ids.npy           the ids of all sentences, end to end; 2 bytes each for vocabularies of up to 65,536
    source.ids.starts.npy    where each sentence begins, and where the last one ends
    source.text.npy          with subword sampling the sentences themselves, UTF-8, end to end,
    source.text.starts.npy   and where each begins
    SHA256SUMS               what all these held when they were written
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nmt import checksums, files
from nmt.data.ahead import Lines, Sides, draw
from nmt.data.tokenizer import Tokenizers

_SIDES, _ENDINGS = ("source", "target"), (".npy", ".starts.npy")


class Ragged(NamedTuple):
    """Rows of unequal length, end to end: row i is values[starts[i] : starts[i + 1]]."""

    values: np.ndarray
    starts: np.ndarray  # [N + 1]

    def row(self, index: int) -> np.ndarray:
        return self.values[self.starts[index] : self.starts[index + 1]]


def ragged(rows: Sequence[Sequence[int]], kind: type | np.dtype) -> Ragged:
    """Rows of numbers, or of bytes, laid end to end."""
    starts = np.fromiter(accumulate(map(len, rows), initial=0), np.int64, len(rows) + 1)
    if kind is np.uint8:
        return Ragged(np.frombuffer(b"".join(rows), kind), starts)
    return Ragged(np.concatenate([np.empty(0, kind), *rows]).astype(kind), starts)


def id_kind(size: int) -> type:
    """The number format that holds the ids of a vocabulary."""
    return np.uint16 if size <= 1 << 16 else np.uint32


class Sampling(NamedTuple):
    """Subword regularisation: how pairs are segmented anew."""

    tokenizers: Tokenizers
    alpha: float
    max_length: int  # in pieces, end mark included; a longer draw gives way to the fixed segmentation


class Part(NamedTuple):
    """The pairs of one text in a corpus of several, one after the other."""

    pairs: int
    weight: float = 1.0
    """How often a pass sees them."""
    tag: int | None = None
    """The id with which each of their sources begins."""


class Corpus:
    """Sentence pairs as ids; with `sampling` as text too."""

    def __init__(
        self, ids: Sequence[Ragged], *, texts: Sequence[Ragged] | None = None, sampling: Sampling | None = None,
        parts: Sequence[Part] | None = None, right_to_left: bool = False,
    ):  # fmt: skip
        self.ids = ids
        self.texts = texts
        self.sampling = sampling
        self.parts = parts or [Part(len(ids[0].starts) - 1)]
        self.right_to_left = right_to_left
        """Whether batches hold the target's pieces from the last to the first."""
        self.lengths = np.stack([np.diff(side.starts).astype(np.int32) for side in ids], 1)
        """[N, 2] pieces of source and target, BOS and EOS not counted."""

    def __len__(self) -> int:
        return len(self.lengths)

    def source(self, index: int) -> np.ndarray:
        """Ids of a source sentence, without EOS."""
        return self.ids[0].row(index)

    def target(self, index: int) -> np.ndarray:
        """Ids of a target sentence, without BOS and EOS."""
        return self.ids[1].row(index)

    def rows_of_pass(self, random: np.random.Generator) -> np.ndarray:
        """The rows of one pass, in no order: those of a part as often as its weight says.

        Of w n rows, n the part's pairs, floor(w) n are all of them, so many times; the rest, rounded, is drawn without
        repetition. A pass sees at least one pair of each part.
        """
        rows, begin = [], 0
        for part in self.parts:
            every = np.arange(begin, begin + part.pairs)
            whole, rest = divmod(part.weight, 1)
            drawn = max(round(rest * part.pairs), 0 if whole else 1)
            rows += [every] * int(whole)
            if drawn:
                rows.append(begin + random.choice(part.pairs, drawn, replace=False, shuffle=False))
            begin += part.pairs
        return np.concatenate(rows)

    def target_tokens_of_pass(self) -> int:
        """Target pieces and end marks that a pass sees, in the mean."""
        counts = np.split(self.lengths[:, 1] + 1, np.cumsum([part.pairs for part in self.parts])[:-1])
        return round(sum(part.weight * int(each.sum()) for part, each in zip(self.parts, counts, strict=True)))

    def segment(self, rows: np.ndarray, *, seed: int) -> "Corpus":
        """The pairs `rows` with a segmentation that the seed draws, as a corpus of their own."""
        (drawn,) = self.draw([self.lines(rows, seed=seed)])
        return self.segmented(rows, drawn)

    def draw(self, asked: Iterable[Lines]) -> Iterator[Sides]:
        """Segmentations of lines, each when it is wanted."""
        return map(partial(draw, self.sampling.tokenizers, self.sampling.alpha), asked)

    def lines(self, rows: np.ndarray, *, seed: int) -> Lines:
        """The text of the pairs `rows`, for their segmentation to be drawn."""
        return Lines([[text.row(row).tobytes().decode() for row in rows] for text in self.texts], seed)

    def segmented(self, rows: np.ndarray, drawn: Sides) -> "Corpus":
        """The pairs `rows` in the segmentation that was drawn of their lines."""
        drawn = [[[*tag, *pieces] for tag, pieces in zip(self._tags(rows), drawn[0], strict=True)], drawn[1]]
        sides = []
        for side, ids in zip(drawn, self.ids, strict=True):
            fitting = [
                pieces if len(pieces) < self.sampling.max_length else ids.row(row).tolist()
                for pieces, row in zip(side, rows, strict=True)
            ]
            sides.append(ragged(fitting, ids.values.dtype))
        return Corpus(sides, right_to_left=self.right_to_left)

    def _tags(self, rows: np.ndarray) -> list[list[int]]:
        """What stands before each source: a tag or nothing."""
        ends = np.cumsum([part.pairs for part in self.parts])
        tags = [[] if part.tag is None else [part.tag] for part in self.parts]
        return [tags[part] for part in np.searchsorted(ends, rows, side="right")]


@contextmanager
def writing(folder: Path, sizes: Sequence[int], *, with_texts: bool) -> Iterator[Callable[[Sequence[Ragged]], None]]:
    """A function that appends pairs to a new corpus; `sizes` are the vocabularies'. It takes the ids of both sides and,
    with texts, the bytes of both sides."""
    with ExitStack() as stack:
        columns = [(f"{side}.ids", id_kind(size)) for side, size in zip(_SIDES, sizes, strict=True)]
        columns += [(f"{side}.text", np.uint8) for side in _SIDES if with_texts]
        adders = [stack.enter_context(_growing_rows(folder, name, kind)) for name, kind in columns]

        def append(parts: Sequence[Ragged]) -> None:
            for add, part in zip(adders, parts, strict=True):
                add(part)

        yield append
    checksums.write(folder, [f"{name}{ending}" for name, _ in columns for ending in _ENDINGS])


@contextmanager
def _growing_rows(folder: Path, name: str, kind: type) -> Iterator[Callable[[Ragged], None]]:
    values, starts = (folder / f"{name}{ending}" for ending in _ENDINGS)
    with _growing(values, kind) as add_values, _growing(starts, np.int64) as add:
        end = np.zeros(1, np.int64)
        add(end)

        def append(rows: Ragged) -> None:
            nonlocal end
            assert rows.values.dtype == kind
            add_values(rows.values)
            add(rows.starts[1:] + end)
            end = end + rows.starts[-1]

        yield append


@contextmanager
def _growing(path: Path, kind: type) -> Iterator[Callable[[np.ndarray], None]]:
    """A function that appends to a one-dimensional .npy file whose length is not known yet."""
    with files.replacing(path, "wb") as file:
        count = 0

        def write_header() -> int:
            shape = {"shape": (count,), "fortran_order": False, "descr": np.lib.format.dtype_to_descr(np.dtype(kind))}
            np.lib.format.write_array_header_1_0(file, shape)
            return file.tell()

        def append(values: np.ndarray) -> None:
            nonlocal count
            count += len(values)
            file.write(values.tobytes())

        begin = write_header()
        yield append
        file.seek(0)
        assert write_header() == begin, "numpy leaves room in the header for any length"


def open_corpus(
    folder: Path, *, sampling: Sampling | None = None, parts: Sequence[Part] | None = None, right_to_left: bool = False
) -> Corpus:
    """Map what `writing` wrote. Raises CheckpointError when it is incomplete or damaged."""
    ids = [_open(folder, f"{side}.ids") for side in _SIDES]
    texts = [_open(folder, f"{side}.text") for side in _SIDES if sampling]
    return Corpus(ids, texts=texts, sampling=sampling, parts=parts, right_to_left=right_to_left)


def _open(folder: Path, name: str) -> Ragged:
    paths = [folder / f"{name}{ending}" for ending in _ENDINGS]
    for path in paths:
        checksums.check(path)
    return Ragged(*(np.load(path, mmap_mode="r", allow_pickle=False) for path in paths))
