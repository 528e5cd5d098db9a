"""Which word of a text each of its pieces belongs to.

Words are what blanks separate in the text as it is written, which is how people, gold alignments and Pharaoh's format
count them. The pieces alone do not tell: normalisation makes two of `x´y`, none of a zero-width blank, and a blank of
a no-break space; a character that has no piece becomes bytes, or unknown. So SentencePiece is asked for the characters
that each piece stands for (`Tokenizer.offsets`), and those have their place in the text.

With `apart`, punctuation around a word is a word of its own: pictures are clearer so, as models often rest on a full
stop.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence

_WORD = re.compile(r"\S+")


def words_of(text: str, *, apart: bool = False) -> list[str]:
    """The words of a text, in order: what `word_of_piece` numbers."""
    return [text[begin:end] for begin, end in _spans(text, apart)]


def word_of_piece(text: str, offsets: Sequence[tuple[int, int]], *, apart: bool = False) -> list[int]:
    """The number of the word to which each piece belongs, given the (begin, end) of its characters in the text.

    That is the word of its last character that is no blank, as what normalisation drops counts to the piece after it.
    A piece of blanks alone, or of nothing, belongs to the word that follows, and after the last word to the last. In a
    text without words all are 0.
    """
    ends = [end for _, end in _spans(text, apart)]
    last = [begin + max(0, len(text[begin:end].rstrip()) - 1) for begin, end in offsets]
    return [max(0, min(bisect_left(ends, place + 1), len(ends) - 1)) for place in last]


def _spans(text: str, apart: bool) -> Iterator[tuple[int, int]]:
    for word in _WORD.finditer(text):
        begin, end = word.span()
        first, last = begin, end  # of what is no punctuation
        while apart and first < last and _is_punctuation(text[first]):
            first += 1
        while apart and first < last and _is_punctuation(text[last - 1]):
            last -= 1
        if first == last:
            first, last = begin, end
        yield from (span for span in ((begin, first), (first, last), (last, end)) if span[0] < span[1])


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"
