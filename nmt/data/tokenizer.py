"""Text <-> ids by SentencePiece (Kudo and Richardson 2018): BPE (Sennrich 2016), unigram (Kudo 2018) or characters.

A model file holds the vocabulary and the normalisation, so that text is treated alike wherever the file goes. Each side
has a file of its own, as each has its own normalisation; with a shared vocabulary their pieces are the same. Control
marks such as `<s>` have ids but no spelling: in a text they are characters like any other. Some of them are spare, for
tags (see tags.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sentencepiece

from nmt import files
from nmt.config.tokenizer import SYMBOLS
from nmt.data import tags as slots
from nmt.data.model_proto import has_longer_replacement, has_more_pieces, user_defined_symbols
from nmt.data.segmentation import Sampler
from nmt.errors import CheckpointError
from nmt.ids import BOS, EOS, PAD, UNK

TAGS = slots.FILE
MODELS = ("source.model", "target.model")
"""Files of a folder: the tokenizer of each side."""
MOST_PIECES, LONGEST_PIECE, LONGEST_REPLACEMENT = 1 << 20, 256, 1 << 10
"""Pieces, characters of a piece, and bytes that replace a string in normalisation. Training gives pieces of 16
characters, symbols have up to 64, and Unicode's longest decomposition has 33 bytes; more would let a line of text fill
any memory."""
_BLANK = "▁"  # U+2581, SentencePiece's visible blank


class Tokenizer:
    """One SentencePiece model."""

    def __init__(self, model: bytes, *, tags: Mapping[str, int] | None = None, name: str = "tokenizer"):
        """`model` is the content of a model file, `tags` are the ids of the tags that have a slot.

        Raises CheckpointError, blaming `name`, when the model is damaged.
        """
        self.model, self.tags = model, dict(tags or {})
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            if has_more_pieces(model, MOST_PIECES):
                raise _refused(name, f"expected at most {MOST_PIECES:,} pieces, found more")
            self._processor.LoadFromSerializedProto(model)
            self.size: int = self._processor.get_piece_size()
            self.vocabulary = tuple(self.pieces(range(self.size)))
            self.user_defined = user_defined_symbols(model)
            """Symbols that are one piece wherever a text holds them."""
            is_growing = has_longer_replacement(model, LONGEST_REPLACEMENT)
        except (RuntimeError, ValueError) as error:  # in a piece, or in a message that holds one
            raise _refused(name, "not a SentencePiece model, or damaged") from error
        self._sampler = lru_cache(1)(
            lambda alpha: Sampler(self._processor, self.scores(), alpha, atoms=self.user_defined)
        )
        found = tuple(getattr(self._processor, f"{mark}_id")() for mark in ("pad", "bos", "eos", "unk"))
        if found != (PAD, BOS, EOS, UNK):
            raise _refused(
                name, f"its padding, begin, end and unknown ids are {found}, not {(PAD, BOS, EOS, UNK)}"
            )
        if is_growing:
            raise _refused(name, f"expected replacements of at most {LONGEST_REPLACEMENT:,} bytes, found a longer one")
        longest = max(map(len, (*self.vocabulary, *self.decode([[UNK]]))))
        if longest > LONGEST_PIECE:
            raise _refused(name, f"expected pieces of at most {LONGEST_PIECE} characters, found one of {longest:,}")
        if any("\n" in piece for piece in self.vocabulary):
            raise _refused(name, "expected pieces of a line, found one with a line end")
        self.slots = slots.slots_of(self._id_of_control)
        """The ids that tags may have."""
        self.span_symbols = {number: symbol for symbol in SYMBOLS if (number := self.id_of(symbol)) is not None}
        """Id -> symbol of a protected span (see masking.py)."""

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read a model file. Raises CheckpointError when it is missing or damaged."""
        if not path.is_file():
            raise CheckpointError(f"{path}: no such tokenizer", hint="copy the whole folder again")
        return cls(path.read_bytes(), name=str(path))

    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        """Ids of each line, without BOS and EOS."""
        return self._processor.encode(list(lines), out_type=int, num_threads=1)

    def arrays(self, lines: Sequence[str], *, threads: int) -> list[np.ndarray]:
        """The same as int32 arrays, for much text at once."""
        return self._processor.encode(list(lines), out_type="numpy", num_threads=threads)

    def sample(self, lines: Sequence[str], *, alpha: float, seed: int) -> list[list[int]]:
        """Ids of a segmentation of each line that is drawn at random, the same for the same lines and seed.

        BPE: each merge is left out with probability alpha (BPE-dropout, Provilkov 2020). Unigram: drawn from
        p(segmentation)^alpha (Kudo 2018).
        """
        return self._sampler(alpha).sample(lines, seed=seed)

    def decode(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Text of each row of ids. PAD, BOS, EOS and tags are left out; UNK is a double question mark, U+2047."""
        return [self._processor.decode([int(each) for each in row]) for row in rows]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The pieces' names, a blank shown as U+2581."""
        return [self._processor.id_to_piece(int(each)) for each in ids]

    def names(self, ids: Sequence[int]) -> list[str]:
        """The pieces as they are shown to people: tags by name and spans by number, in angle brackets."""
        shown = {number: f"<{name}>" for name, number in self.tags.items()}
        shown |= {number: f"<span{place}>" for place, number in enumerate(self.span_symbols, start=1)}
        return [shown.get(number, piece) for number, piece in zip(map(int, ids), self.pieces(ids), strict=True)]

    def prefix(self, tag: str | None) -> list[int]:
        """What stands before a source with this tag: its id, or nothing. Raises ConfigError for an unknown tag."""
        return [] if tag is None else [slots.id_of(self.tags, tag)]

    def offsets(self, line: str) -> list[tuple[int, int]]:
        """Where in `line` the characters begin and end for which each piece of its encoding stands.

        A blank counts to the piece that follows it. Of the pieces that a character became (bytes, or what its
        normalisation consists of) the last has the character and the others stand empty before it.
        """
        return self._processor.encode(line, return_type="offset_mapping")["offsets"]

    def decoded_offsets(self, ids: Sequence[int]) -> list[tuple[int, int]]:
        """The same for ids in the text that `decode` makes of them; a control mark stands empty."""
        return self._processor.decode([int(each) for each in ids], return_type="offset_mapping")["offsets"]

    def id_of(self, piece: str) -> int | None:
        """The id of a piece's name; None when there is no such piece."""
        found = self._processor.piece_to_id(piece)
        return found if self._processor.id_to_piece(found) == piece else None

    def symbols(self, words: Sequence[str]) -> list[list[str]]:
        """The pieces of each word by name; a character that is unknown or spelled in bytes stands for itself."""
        rows = zip(self.encode(words), self._processor.encode(list(words), out_type=str), strict=True)
        return [self._symbols(*row) for row in rows]

    def _symbols(self, ids: list[int], pieces: list[str]) -> list[str]:
        symbols, spelled = [], b""
        for index, piece in zip(ids, pieces, strict=True):
            if self._processor.is_byte(index):
                spelled += bytes([int(piece[3:5], 16)])
                continue
            symbols += spelled.decode()
            symbols += piece if self._processor.is_unknown(index) else [piece]
            spelled = b""
        return [*symbols, *spelled.decode()]

    def scores(self) -> dict[str, float]:
        """Scores of the pieces that were learned: minus a BPE piece's rank, or the logarithm of a unigram piece's
        probability."""
        processor = self._processor
        learned = (
            index for index in range(self.size)
            if not (processor.is_control(index) or processor.is_unknown(index) or processor.is_byte(index))
        )  # fmt: skip
        scores = {self.vocabulary[index]: processor.get_score(index) for index in learned}
        return {piece: score for piece, score in scores.items() if piece not in self.user_defined}

    def _id_of_control(self, name: str) -> int | None:
        found = self._processor.piece_to_id(name)
        return found if self._processor.is_control(found) else None

    def aligned(self, line: str) -> tuple[str, list[int]]:
        """The normalised line, and where in `line` the characters begin that each of its characters stands for. Extra
        blanks stand for nothing."""
        text, begins = self._processor.normalize(line, with_offsets=True)
        return text.replace(_BLANK, " ")[1:], begins[1:-1]  # without the blank that is put in front

    def normalise(self, line: str) -> str:
        """The text that `decode` makes of the ids of `line` when none is unknown."""
        return self._processor.normalize(line).replace(_BLANK, " ").lstrip(" ")


def _refused(name: str, what: str) -> CheckpointError:
    return CheckpointError(f"{name}: {what}", hint="copy the file again; `nmt prepare` trains tokenizers")


class Tokenizers(NamedTuple):
    """The tokenizers of both sides."""

    source: Tokenizer
    target: Tokenizer

    def tagged(self, names: Iterable[str]) -> "Tokenizers":
        """With slots for these tags of sources, beside those that they have. Raises ConfigError for too many."""
        tags = slots.assign(names, self.source.slots, known=self.source.tags)
        return self._replace(source=Tokenizer(self.source.model, tags=tags))


def save_tokenizers(folder: Path, tokenizers: Tokenizers) -> None:
    """Write the model of each side into a folder, and `tags.json` if there are slots."""
    for name, tokenizer in zip(MODELS, tokenizers, strict=True):
        files.write_bytes(folder / name, tokenizer.model)
    if tokenizers.source.slots:
        slots.write(folder, tokenizers.source.tags)


def load_tokenizers(folder: Path) -> Tokenizers:
    """What `save_tokenizers` wrote. Raises CheckpointError when it is missing or damaged."""
    if not folder.is_dir():
        fault = "is a file, not a folder" if folder.exists() else "no such folder"
        raise CheckpointError(f"{folder}: {fault}", hint="a run, a model bundle or prepared data is one")
    if not any((folder / name).exists() for name in MODELS):
        raise CheckpointError(f"{folder}: holds no tokenizer", hint="a model bundle or prepared data does")
    tokenizers = Tokenizers(*(Tokenizer.load(folder / name) for name in MODELS))
    if tokenizers.source.slots:
        tokenizers.source.tags = slots.read(folder, tokenizers.source.slots)
    return tokenizers
