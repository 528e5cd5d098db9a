"""A vocabulary that grows: pieces are appended to a SentencePiece model, and what it was stays as it is.

Growing goes on where byte-pair encoding ended (Sennrich 2016): words are taken in the pieces that the model gives them,
and the two neighbours that occur together most often become a piece, again and again. A character that the model does
not know may become one too. The ids before stay, so a text is cut as before, but where both neighbours meet:

    bpe        a new piece has the lowest score so far, so it is merged when all that was known has been
    unigram    its score is the sum of its two parts' and a trifle more, so it wins against these two and nothing else

A user-defined piece, SentencePiece's own way to add words, is no alternative: it is cut out of every word that holds
its characters, before all others, and so would change how the old text is cut.
"""

import heapq
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from nmt import checksums
from nmt.config import Config, TokenizerConfig
from nmt.data.model_proto import (
    ADD_DUMMY_PREFIX,
    CHARSMAP,
    NORMALIZER_SPEC,
    PIECE,
    PIECES,
    REMOVE_EXTRA_WHITESPACES,
    SCORE,
    field,
)
from nmt.data.text import read_lines
from nmt.data.tokenizer import Tokenizer, Tokenizers, load_tokenizers
from nmt.errors import CheckpointError, ConfigError

BASE = "base"
"""Folder inside a finetuned run: the tokenizers of the model that it began with."""

_LONGEST = 16  # characters of a piece, as in SentencePiece's own training
_LEAST = 2  # times that a piece must occur in a text: no model learns from one
_TRIFLE = 0.01  # nats
_BLANK = "▁"  # U+2581


def base_tokenizers(config: Config) -> Tokenizers | None:
    """Those of the model that the run goes on from; None when it begins anew.

    Raises CheckpointError when neither the model nor the run folder's own copy of them is there, and ConfigError when
    the config does not say which model it is.
    """
    if config.finetune is None:
        return None
    if config.finetune.checksum is None:
        raise ConfigError("finetune.checksum: is missing", hint="`nmt finetune` starts such a run, and fills it in")
    model = config.finetune.model
    for folder in (model, model / "model"):
        sums = folder / checksums.NAME
        if sums.is_file() and checksums.sha256(sums) == config.finetune.checksum:
            return load_tokenizers(folder)
    if not (config.run / BASE).is_dir():
        raise CheckpointError(
            f"{model}: is gone, or is not the model any more that this run was made for", hint="start it once more"
        )
    return load_tokenizers(config.run / BASE)


def grow(
    tokenizers: Sequence[Tokenizer], rows: Iterable[Sequence[str]], config: TokenizerConfig, *, pieces: int,
    name: str = "this text",
) -> list[Tokenizer]:  # fmt: skip
    """Append the `pieces` that a text asks for most to tokenizers of one vocabulary.

    A row of the text holds a line for each of the tokenizers, which normalises it. Raises ConfigError when the text
    does not give as many pieces.
    """
    found = _new_pieces(tokenizers[0], _count_words(tokenizers, rows), config, most=pieces, least=_LEAST)
    if len(found) < pieces:
        raise ConfigError(
            f"finetune.pieces: {pieces:,}, but {name} gives {len(found):,} that occur {_LEAST} times or more",
            hint="lower it, or use more text",
        )
    return _append(tokenizers, found, config.kind)


def grow_by_words(tokenizers: Sequence[Tokenizer], path: Path, config: TokenizerConfig) -> list[Tokenizer]:
    """Append to tokenizers of one vocabulary what it takes for each word in a file to be one piece: its parts are
    merged two by two."""
    words = _count_words(tokenizers, ([line] * len(tokenizers) for line in read_lines(path)))
    if not words:
        raise ConfigError(f"finetune.words: {path}: holds no words", hint="one a line; or leave finetune.words out")
    long = [word for word in words if len(word) > _LONGEST]
    if long or config.kind == "char":
        why = f'"{long[0]}" is longer than {_LONGEST} characters' if long else "this tokenizer's pieces are characters"
        raise ConfigError(f"finetune.words: {path}: {why}", hint="leave it out")
    found = _new_pieces(tokenizers[0], words, config, most=None, least=1, whole=True)
    return _append(tokenizers, found, config.kind)


def origins(old: Tokenizer, new: Tokenizer) -> list[list[int]]:
    """The ids of `old` that each piece which `new` has beyond them is made of."""
    plain = Tokenizer(old.model + _UNCHANGED + _NO_BLANKS)
    return plain.encode([piece.replace(_BLANK, " ") for piece in new.pieces(range(old.size, new.size))])


def _count_words(tokenizers: Sequence[Tokenizer], rows: Iterable[Sequence[str]]) -> Counter[str]:
    words = Counter()
    for row in rows:
        for tokenizer, line in zip(tokenizers, row, strict=True):
            words.update(tokenizer.normalise(line).split())
    return words


def _new_pieces(
    tokenizer: Tokenizer, words: Counter[str], config: TokenizerConfig, *, most: int | None, least: int,
    whole: bool = False,
) -> dict[str, tuple[str, str]]:  # fmt: skip
    """New piece -> the two that it is made of (a character has none), in the order found. `words` are normalised. With
    `whole` a word becomes one piece even if it is part letters, part digits or hyphens, which no other piece is."""
    known, atoms = set(tokenizer.vocabulary), set(tokenizer.user_defined)
    cut = Tokenizer(tokenizer.model + _UNCHANGED).symbols(list(words))
    counts, places, parts, found = Counter(), defaultdict(set), {}, {}
    waiting: list[tuple[int, int, str]] = []  # most frequent first, then the shortest, then by its characters

    def note(word: int, sign: int) -> None:
        """Count, or uncount, what a word could be merged to."""
        symbols, frequency = cut[word], frequencies[word]
        pairs = (pair for pair in pairwise(symbols) if atoms.isdisjoint(pair)) if config.kind != "char" else ()
        for pair in [*pairs, *((symbol, "") for symbol in symbols if symbol not in known)]:
            piece = "".join(pair)
            if piece not in known and (whole or _may_be_one(piece, split_digits=config.split_digits)):
                counts[piece] += sign * frequency
                if sign > 0:
                    places[piece].add(word)
                    parts.setdefault(piece, pair)
                    heapq.heappush(waiting, (-counts[piece], len(piece), piece))

    frequencies = list(words.values())
    for word in range(len(cut)):
        note(word, +1)
    while waiting and (most is None or len(found) < most):
        count, _, piece = heapq.heappop(waiting)
        if piece in known or -count < least:
            continue
        if -count != counts[piece]:  # it has become rarer
            heapq.heappush(waiting, (-counts[piece], len(piece), piece))
            continue
        found[piece] = parts[piece]
        for word in sorted(places[piece]):
            note(word, -1)
        known.add(piece)
        for word in sorted(places[piece]):
            cut[word] = _merged(cut[word], piece)
            note(word, +1)
    return found


def _merged(symbols: list[str], piece: str) -> list[str]:
    """The symbols, neighbours that make the piece joined, left before right."""
    merged: list[str] = []
    for symbol in symbols:
        if merged and merged[-1] + symbol == piece:
            merged[-1] = piece
        else:
            merged.append(symbol)
    return merged


def _may_be_one(piece: str, *, split_digits: bool) -> bool:
    """No piece is part word, part number or punctuation, or holds a digit and more if digits are split."""
    if split_digits and any(map(str.isdecimal, piece)):
        return len(piece) == 1
    letters = piece.removeprefix(_BLANK)
    kinds = {"L" if unicodedata.category(each)[0] in "LM" else unicodedata.category(each)[0] for each in letters}
    return len(letters) <= _LONGEST and len(kinds) == 1


def _append(tokenizers: Sequence[Tokenizer], found: dict[str, tuple[str, str]], kind: str) -> list[Tokenizer]:
    """The tokenizers with more pieces behind their own."""
    scores = tokenizers[0].scores()
    lowest = min(scores.values())
    appended = b""
    for rank, (piece, pair) in enumerate(found.items(), start=1):
        if kind == "unigram":
            scores[piece] = sum(scores.get(part, lowest) for part in pair if part) + _TRIFLE if pair[1] else lowest
        else:
            scores[piece] = lowest - rank
        appended += field(PIECES, field(PIECE, piece.encode()) + field(SCORE, scores[piece]))
    return [Tokenizer(each.model + appended, tags=each.tags) for each in tokenizers]


_UNCHANGED = field(NORMALIZER_SPEC, field(CHARSMAP, b""))
"""Appended to a model: no character is replaced."""
_NO_BLANKS = field(NORMALIZER_SPEC, field(ADD_DUMMY_PREFIX, False) + field(REMOVE_EXTRA_WHITESPACES, False))
"""Appended to a model: text is given no blank in front and loses none."""
