"""Which word a piece belongs to: told by the characters of the text itself, whatever became of them."""

import re

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from nmt.analysis.words import word_of_piece, words_of
from nmt.config import TokenizerConfig
from nmt.data.tokenizer import Tokenizer
from nmt.data.tokenizer_training import train_tokenizer

TEXT = ["A man in an orange hat is starring at something.", "x y a´b z 漢字 ﬁx"] * 20
LINES = [
    "A man in an orange hat.",
    "  leading,  double and trailing   ",
    "x´y is one word",  # that normalisation cuts in two
    "a no-break\xa0blank and a\u3000wide one\tand a tab",
    "a \u200b b",  # a word of which normalisation leaves nothing
    "日本語のテキスト",
    "字ö𝄞 ﬁx … ½",
    "▁ a▁b",
    "\x85 \u2028 x",
]
KINDS = [(kind, fallback, form) for kind in ("bpe", "unigram") for fallback in (True, False)
         for form in ("nmt_nfkc", "identity")]  # fmt: skip


@pytest.fixture(scope="module", params=KINDS, ids=str)
def tokenizer(request) -> Tokenizer:
    kind, fallback, form = request.param
    config = TokenizerConfig(
        kind=kind, vocabulary=348 if fallback else 78, target_normalisation=form, byte_fallback=fallback
    )
    return train_tokenizer(TEXT, config, shrink=True)


def test_by_hand():
    assert words_of(" a bc  d ") == ["a", "bc", "d"]
    pieces = [(0, 0), (0, 2), (2, 4), (4, 5), (5, 8), (8, 9)]  # "", " a", " b", "c", "  d", " "
    assert word_of_piece(" a bc  d ", pieces) == [0, 0, 1, 1, 2, 2]
    assert word_of_piece("ab c", [(0, 1), (1, 2), (2, 3), (3, 3), (3, 4)]) == [0, 0, 1, 1, 1]
    assert word_of_piece(" ", [(0, 1)]) == [0]
    assert word_of_piece("", []) == []


def test_punctuation_apart():
    text = "„Don't!“ (a) ... --x 5% हिन्दी,"
    words = ["„", "Don't", "!“", "(", "a", ")", "...", "--", "x", "5", "%", "हिन्दी", ","]
    assert words_of(text, apart=True) == words
    assert word_of_piece(text, [(place, place + 1) for place in range(4)], apart=True) == [0, 1, 1, 1]
    assert word_of_piece(" a.", [(0, 2), (2, 3)], apart=True) == [0, 1]


@pytest.mark.parametrize("line", LINES)
def test_a_word_has_its_characters(tokenizer, line):
    check(tokenizer, line)


ODD = [*"aexyz ´…漢ö𝄞ﬁ½▁", " ", "\xa0", "\u200b", "\u2028", "\xad", "\x01", "man"]


@given(line=st.lists(st.sampled_from(ODD), max_size=14).map("".join))
def test_any_line(tokenizer, line):
    check(tokenizer, line)


def check(tokenizer: Tokenizer, line: str) -> None:
    """The pieces of each word spell what it is as a line of its own, whatever blanks are in it."""
    pieces = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.model).encode(line, out_type=str)
    if any(len(piece.split()) > 1 for piece in pieces):  # unknown characters on both sides of an unknown blank
        return
    numbers = word_of_piece(line, tokenizer.offsets(line))
    assert len(numbers) == len(pieces) and numbers == sorted(numbers)
    words = words_of(line)
    assert words == line.split()
    spelt = [spell([piece for piece, each in zip(pieces, numbers, strict=True) if each == word])
             for word in range(len(words))]  # fmt: skip
    assert spelt == ["".join(tokenizer.normalise(word).split()) for word in words]


def spell(pieces: list[str]) -> str:
    """Without blanks."""
    single = re.compile("<0x(..)>")
    spelt = b"".join(
        bytes([int(single.fullmatch(each)[1], 16)]) if single.fullmatch(each) else each.encode() for each in pieces
    )
    return "".join(spelt.decode().replace("▁", " ").split())


@pytest.mark.parametrize("line", LINES)
def test_pieces_that_a_model_wrote_belong_to_the_words_of_what_they_decode_to(tokenizer, line):
    (ids,) = tokenizer.encode([line])
    text = tokenizer.decode([ids])[0]
    offsets = tokenizer.decoded_offsets(ids)
    assert len(offsets) == len(ids)
    assert "".join(text[begin:end] for begin, end in offsets) == text
    numbers = word_of_piece(text, offsets)
    assert set(numbers) == set(range(len(words_of(text))))
