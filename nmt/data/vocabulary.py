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
import struct
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from nmt import checksums
from nmt.config import Config
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
    tokenizer: Tokenizer, lines: Iterable[str], *, kind: str, pieces: int, name: str = "this text"
) -> Tokenizer:
    """Append the `pieces` that `lines` ask for most. Raises ConfigError when the text does not give as many."""
    found = _new_pieces(tokenizer, _count_words(tokenizer, lines), kind=kind, most=pieces, least=_LEAST)
    if len(found) < pieces:
        raise ConfigError(
            f"finetune.pieces: {pieces:,}, but {name} gives {len(found):,} that occur {_LEAST} times or more",
            hint="lower it, or use more text",
        )
    return _append(tokenizer, found, kind)


def grow_by_words(tokenizer: Tokenizer, path: Path, *, kind: str) -> Tokenizer:
    """Append what it takes for each word in a file to be one piece: its parts are merged two by two."""
    words = _count_words(tokenizer, read_lines(path))
    if not words:
        raise ConfigError(f"finetune.words: {path}: holds no words", hint="one a line; or leave finetune.words out")
    long = [word for word in words if len(word) > _LONGEST]
    if long or kind == "char":
        why = f'"{long[0]}" is longer than {_LONGEST} characters' if long else "this tokenizer's pieces are characters"
        raise ConfigError(f"finetune.words: {path}: {why}", hint="leave it out")
    return _append(tokenizer, _new_pieces(tokenizer, words, kind=kind, most=None, least=1, whole=True), kind)


def origins(old: Tokenizer, new: Tokenizer) -> list[list[int]]:
    """The ids of `old` that each piece which `new` has beyond them is made of."""
    plain = Tokenizer(old.model + _AS_IT_IS)
    return plain.encode([piece.replace(_BLANK, " ") for piece in new.pieces(range(old.size, new.size))])


def _count_words(tokenizer: Tokenizer, lines: Iterable[str]) -> Counter[str]:
    words = Counter()
    for line in lines:
        words.update(tokenizer.normalise(line).split())
    return words


def _new_pieces(
    tokenizer: Tokenizer, words: Counter[str], *, kind: str, most: int | None, least: int, whole: bool = False
) -> dict[str, tuple[str, str]]:
    """New piece -> the two that it is made of (a character has none), in the order found. With `whole` a word becomes
    one also where it is part letters, part digits or hyphens, which no piece is that a text has asked for."""
    known = set(tokenizer.pieces(range(tokenizer.size)))
    cut = tokenizer.symbols(list(words))
    counts, places, parts, found = Counter(), defaultdict(set), {}, {}
    waiting: list[tuple[int, int, str]] = []  # most frequent first, then the shortest, then by its characters

    def note(word: int, sign: int) -> None:
        """Count, or uncount, what a word could be merged to."""
        symbols, frequency = cut[word], frequencies[word]
        pairs = pairwise(symbols) if kind != "char" else ()
        for pair in [*pairs, *((symbol, "") for symbol in symbols if symbol not in known)]:
            piece = "".join(pair)
            if piece not in known and (whole or _may_be_one(piece)):
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


def _may_be_one(piece: str) -> bool:
    """No piece is part word, part number or punctuation."""
    letters = piece.removeprefix(_BLANK)
    kinds = {"L" if unicodedata.category(each)[0] in "LM" else unicodedata.category(each)[0] for each in letters}
    return len(letters) <= _LONGEST and len(kinds) == 1


def _append(tokenizer: Tokenizer, found: dict[str, tuple[str, str]], kind: str) -> Tokenizer:
    """The tokenizer with more pieces behind its own: protobuf messages one behind the other are one."""
    scores = tokenizer.scores()
    lowest = min(scores.values())
    model = tokenizer.model
    for rank, (piece, pair) in enumerate(found.items(), start=1):
        if kind == "unigram":
            scores[piece] = sum(scores.get(part, lowest) for part in pair if part) + _TRIFLE if pair[1] else lowest
        else:
            scores[piece] = lowest - rank
        content = _field(1, piece.encode()) + b"\x15" + struct.pack("<f", scores[piece])
        model += _field(1, content)
    return Tokenizer(model, tags=tokenizer.tags)


def _field(number: int, content: bytes) -> bytes:
    """A protobuf field of bytes: its number, their count in base 128, and they themselves."""
    count, size = b"", len(content)
    while size > 127:
        count, size = count + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + count + bytes([size]) + content


_AS_IT_IS = _field(3, b"\x18\x00\x20\x00")
"""Appended to a model: text is given no blank in front and loses none (normalizer_spec, its fields 3 and 4)."""
