"""Parts are sentences if the model wants sentences, they fit, nothing is lost, and cuts are where they hurt least."""

import random

import pytest

from nmt.config.sources import SourcesConfig
from nmt.decoding.splitting import OFTEN, Part, Splitting

SINGLE, SEVERAL = (Splitting("en", "de", SourcesConfig(length=20, several=share)) for share in (0, OFTEN))


def characters(texts: list[str]) -> list[list[str]]:
    """One piece per character, white space left out."""
    return [[each for each in text if not each.isspace()] for text in texts]


def split(line: str, limit: int, splitting: Splitting = SINGLE, mode: str = "auto") -> list[Part]:
    """The parts, after a check that they hold all pieces in order at their places and fit."""
    (pieces,) = characters([line])
    found = splitting.split(line, pieces, characters, mode=mode, limit=limit)
    assert [each for part in found for each in part.pieces] == pieces
    assert all(line[part.begin : part.end] == part.text for part in found)
    assert all(1 <= len(part.pieces) <= limit for part in found)
    return found


def texts(line: str, limit: int, splitting: Splitting = SINGLE, mode: str = "auto") -> list[str]:
    return [part.text if not part.inner else "".join(part.pieces) for part in split(line, limit, splitting, mode)]


def test_single_sentences_are_wanted_or_several_as_in_training():
    line = "One two. Three four. Five six. Seven eight nine. Ten."
    sentences = ["One two.", "Three four.", "Five six.", "Seven eight nine.", "Ten."]
    assert texts(line, 99) == sentences
    assert texts(line, 99, SEVERAL) == ["One two. Three four.", "Five six.", "Seven eight nine. Ten."]
    assert texts("One two. Three.", 99, SEVERAL) == ["One two. Three."]  # 13 of the usual 20 pieces
    for splitting in (SINGLE, SEVERAL):
        assert texts(line, 99, splitting, "always") == sentences
        assert texts(line, 99, splitting, "never") == [line]
        assert texts(line, 30, splitting, "never") == ["One two. Three four. Five six.", "Seven eight nine. Ten."]


def test_one_sentence_is_left_as_it_is():
    for line in (" One sentence. ", "a long sentence that has many more pieces than usual, and clauses"):
        assert split(line, 99) == [Part(line.index(line.strip()), line.strip(), characters([line])[0])]
    assert [split(line, 9) for line in ("", " ", "\t\u3000", "\u2028")] == [[]] * 4


def test_a_sentence_is_cut_inside_only_if_the_model_cannot_take_it():
    found = split("One, two, three. Four five six.", 11)
    assert [part.text for part in found] == ["One, two,", "three.", "Four five", "six."]
    assert all(part.inner for part in found)
    assert [part.inner for part in split("One, two. Three.", 11)] == [False, False]
    assert texts("one two three", 4) == ["one", "two", "thre", "e"]
    assert texts("一二三四五六七", 3) == ["一二三", "四五六", "七"]


def test_thai_is_split_at_blanks_if_it_is_longer_than_usual():
    line = "ฉันชอบแมวของคุณ เขาไปโรงเรียน วันนี้"
    thai = Splitting("th", "en", SourcesConfig(length=30, several=0))
    assert texts(line, 99, thai) == ["ฉันชอบแมวของคุณ เขาไปโรงเรียน", "วันนี้"]
    assert not any(part.inner for part in split(line, 99, thai))
    for other in (thai._replace(sources=SourcesConfig(length=40, several=0)), SINGLE._replace(source_language="th")):
        assert texts(line, 99, other, "never") == [line]
    assert texts("ฉันชอบแมว เขาไป", 99, thai) == ["ฉันชอบแมว เขาไป"]


@pytest.mark.parametrize("mode", ["auto", "always", "never"])
def test_parts_fit_and_lose_nothing_whatever_the_text(mode):
    alphabet = "ab AB.,!?…。、\u3000\t\u2028'\"(){}«»—-0😀é\u0301ก"
    draw = random.Random(5)
    for _ in range(300):
        line = "".join(draw.choices(alphabet, k=draw.randrange(1, 120)))
        split(line, draw.randrange(1, 40), draw.choice([SINGLE, SEVERAL]), mode)


def test_ten_thousand_words_take_no_time():
    assert len(split(" ".join(["word"] * 10_000), 255)) == -(-40_000 // 252)


FLOODS = [".", ",", "?!", ".)", "…”", "。", "،", " ", ". ", "a", "a. ", ". . ", "A.,", "A. (", 'A. " ', '. " ']


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_of_one_mark_takes_time_in_proportion(flood):
    line = flood * (50_000 // len(flood)) + "x"  # in proportion to its square would be hours
    split(line, 250)


@pytest.mark.parametrize("line", ["\u200b ab cd", "  , ab, cd. Ef", " \u2009. ab cd"])
def test_what_has_no_pieces_may_come_first(line):
    def letters(texts: list[str]) -> list[list[str]]:
        return [list(filter(str.isalpha, text)) for text in texts]

    found = SINGLE.split(line, *letters([line]), letters, mode="auto", limit=2)
    assert [each for part in found for each in part.pieces] == letters([line])[0]
