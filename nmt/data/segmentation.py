"""Subword regularisation: segmentations drawn at random, the same in every process for the same text and seed.

    BPE        of the merges that are possible, each left out with probability alpha, the best is applied;
               drawn anew after each, until all that are left are left out             (Provilkov 2020, alg. 1)
    unigram    s ~ p(s)^alpha, p(s) the product of its pieces' probabilities           (Kudo 2018)
               a_j = sum over pieces [i, j) of a_i p(piece)^alpha   forwards, a_0 = 1;   then backwards from the end
               the piece that ends at j is [i, j) with probability a_i p(piece)^alpha / a_j

SentencePiece draws too, but salts its random numbers anew in every process, so that no run could be repeated or
resumed; and what it has left out stays out, which at the same alpha cuts about twice as finely. No piece holds a blank
inside, so each word is drawn by itself; a user-defined symbol is one piece in every draw.
"""

import heapq
import math
import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import NamedTuple

import sentencepiece

from nmt.ids import UNK

_WORD = re.compile("▁[^▁]*|[^▁]+")  # U+2581 stands for the blank before a word
_WORDS, _LONGEST = 1 << 15, 24  # words whose tables are kept, and their characters: a line without blanks is one word
_UNKNOWN = -10.0  # added to the lowest score of a piece, as SentencePiece does


class _Ends(NamedTuple):
    """The pieces that may end at one place of a word."""

    cumulative: list[float]
    """Of their probabilities; the last one is 1."""
    pieces: list[tuple[int, list[int]]]
    """Where each begins, and its ids."""


class Sampler:
    """Draws segmentations by the pieces of one SentencePiece model, BPE or unigram."""

    def __init__(
        self, processor: sentencepiece.SentencePieceProcessor, scores: dict[str, float], alpha: float, *,
        atoms: Sequence[str] = (),
    ):  # fmt: skip
        """`scores` are those of the learned pieces, `atoms` the user-defined symbols."""
        self._processor, self._scores, self._alpha = processor, scores, alpha
        self._atoms = {atom: [processor.piece_to_id(atom)] for atom in atoms}
        self._atom = re.compile("|".join(map(re.escape, sorted(atoms, key=len, reverse=True))) or "(?!)")  # or never
        self._ids = {piece: processor.piece_to_id(piece) for piece in scores}
        self._longest = max(map(len, self._ids))
        self._lowest = min(self._scores.values())
        self._spells = processor.piece_to_id("<0x00>") != UNK
        self._draw = self._draw_bpe if self._is_bpe() else self._draw_unigram
        self._kept_ends = lru_cache(_WORDS)(self._make_ends)

    def sample(self, lines: Sequence[str], *, seed: int) -> list[list[int]]:
        """Ids of a segmentation of each line, without BOS and EOS."""
        random = Random(seed)
        rows = []
        for text in self._processor.normalize(list(lines)):
            ids = [each for part in self._parts(text) for each in self._atoms.get(part) or self._draw(part, random)]
            if not self._spells:  # neighbours that are unknown are one
                ids = [each for at, each in enumerate(ids) if each != UNK or at == 0 or ids[at - 1] != UNK]
            rows.append(ids)
        return rows

    def _parts(self, text: str) -> Iterator[str]:
        """The words of a text and the atoms between and inside them."""
        begin = 0
        for atom in self._atom.finditer(text):
            yield from _WORD.findall(text[begin : atom.start()])
            yield atom.group()
            begin = atom.end()
        yield from _WORD.findall(text[begin:])

    def _is_bpe(self) -> bool:
        """A BPE piece's score is minus its rank, a unigram piece's the logarithm of its probability."""
        return all(score == -rank for rank, score in enumerate(sorted(self._scores.values(), reverse=True)))

    def _spell(self, piece: str) -> list[int]:
        """A piece's id; for what is none, its bytes where the model has them."""
        if piece in self._ids:
            return [self._ids[piece]]
        if not self._spells:
            return [UNK]
        return [self._processor.piece_to_id(f"<0x{byte:02X}>") for byte in piece.encode()]

    def _draw_bpe(self, word: str, random: Random) -> list[int]:
        """Merge the best pair first, left before right, of those that the draw does not leave out this time."""
        symbols: list[str] = list(word)  # a symbol that was merged into its left neighbour is empty
        before, after = list(range(-1, len(word) - 1)), list(range(1, len(word) + 1))
        waiting: list[tuple[float, int, str]] = []
        left_out: list[tuple[float, int, str]] = []  # since the last merge

        def meet(left: int, right: int) -> None:
            if left >= 0 and right < len(symbols) and (merged := symbols[left] + symbols[right]) in self._scores:
                heapq.heappush(waiting, (-self._scores[merged], left, merged))

        for left in range(len(word) - 1):
            meet(left, left + 1)
        while waiting:
            _, left, merged = candidate = heapq.heappop(waiting)
            right = after[left]
            if right >= len(symbols) or not symbols[left] or symbols[left] + symbols[right] != merged:
                continue  # one of the two was merged with another in the meantime
            if random.random() < self._alpha:
                left_out.append(candidate)
                continue
            while left_out:
                heapq.heappush(waiting, left_out.pop())
            symbols[left], symbols[right] = merged, ""
            after[left] = after[right]
            if after[left] < len(symbols):
                before[after[left]] = left
            meet(before[left], left)
            meet(left, after[left])
        return [each for symbol in symbols if symbol for each in self._spell(symbol)]

    def _draw_unigram(self, word: str, random: Random) -> list[int]:
        make = self._kept_ends if len(word) <= _LONGEST else self._make_ends
        ends, ids, end = make(word), [], len(word)
        while end:
            cumulative, pieces = ends[end]
            end, piece = pieces[bisect(cumulative, random.random())]
            ids.append(piece)
        return [each for piece in reversed(ids) for each in piece]

    def _make_ends(self, word: str) -> list[_Ends]:
        """For each place of a word how likely which piece ends there: sums forwards, in logarithms."""
        sums, ends = [0.0], [_Ends([], [])]
        for end in range(1, len(word) + 1):
            logs, pieces = [], []
            for begin in range(max(0, end - self._longest), end):
                piece = word[begin:end]
                if piece in self._ids or end - begin == 1:
                    score = self._scores.get(piece, self._lowest + _UNKNOWN)
                    logs.append(sums[begin] + self._alpha * score)
                    pieces.append((begin, self._spell(piece)))
            most = max(logs)
            total = most + math.log(sum(math.exp(each - most) for each in logs))
            sums.append(total)
            ends.append(_Ends([*accumulate(math.exp(each - total) for each in logs[:-1]), 1.0], pieces))
        return ends
