"""Parts fit, nothing is lost, and cuts are where they hurt least."""

import random

import pytest

from nmt.decoding.splitting import sentences, split


def characters(lines: list[str]) -> list[list[tuple[int, str]]]:
    """Each character and its place in the line."""
    return [list(enumerate(line)) for line in lines]


def parts(text: str, limit: int) -> list[str]:
    found = split(text, characters, limit)
    assert [part.begin + place for part in found for place, _ in part.pieces] == list(range(len(text)))
    return ["".join(each for _, each in part.pieces) for part in found]


@pytest.mark.parametrize(
    "expected",
    [
        ["One. ", "Two! ", "Three? ", "Four… ", "Five"],
        ['He said: "Go!" ', "(She went.) ", "«Vraiment ?» ", "Oui."],
        ["今天好。", "明天？", "「好！」", "再见"],
        ["یہ ہے۔ ", "کیا؟ ", "ہاں"],
        ["यह है। ", "हाँ॥ ", "ठीक"],
        ["Am 3. Oktober kam J. Smith, z. B. aus www.example.com, 2.5 km weit. ", "Danach 2010. ", "Ende"],
        ["Wait... ", "What?! ", "No."],
        ["Is she 12? ", "Who am I? ", "Plan B! ", "Yes."],
        ["यह एक किताब। ", "वह मेरा नाम। ", "ठीक"],
        ["„Ja.“ ", "»Nein.« ", "‚So?‘ ", "Dann ging er."],
        ["他说。", "“好。”", "再见"],
    ],
)
def test_sentences(expected):
    assert sentences("".join(expected)) == expected


def test_a_sentence_is_a_part_and_is_cut_only_if_it_must_be():
    assert parts("One two. Three. Four five six.", 12) == ["One two. ", "Three. ", "Four five ", "six."]
    assert parts("one, two, three four, five", 12) == ["one, two, ", "three four, ", "five"]
    assert parts("one two three", 4) == ["one ", "two ", "thre", "e"]
    assert parts("all small. no sentence begins. here", 15) == ["all small. ", "no sentence ", "begins. ", "here"]


def test_text_without_blanks_is_cut_anywhere():
    assert parts("一二三四五六七", 3) == ["一二三", "四五六", "七"]


def test_parts_fit_and_lose_nothing_whatever_the_text():
    alphabet = "ab .,!?…。、\u3000\t\u2028'\"(){}«»—-0😀é\u0301"
    draw = random.Random(5)
    for _ in range(300):
        text = "".join(draw.choices(alphabet, k=draw.randrange(1, 120)))
        limit = draw.randrange(1, 20)
        found = parts(text, limit)
        assert "".join(found) == text
        assert all(1 <= len(part) <= limit for part in found)


def test_ten_thousand_words_take_no_time():
    text = " ".join(["word"] * 10_000)
    found = parts(text, 255)
    assert "".join(found) == text and len(found) == 197


@pytest.mark.parametrize("flood", [".", ",", "?!", ".)", "…”", "。", "،", " ", ". ", "a"])
def test_a_flood_of_one_mark_takes_time_in_proportion(flood):
    text = flood * (300_000 // len(flood)) + "x"  # in proportion to its square would be hours
    found = split(text, lambda lines: [[0] * len(line) for line in lines], 250)
    lengths = [len(part.pieces) for part in found]
    assert sum(lengths) == len(text) and max(lengths) <= 250


@pytest.mark.parametrize("text", [" ab cd", "  , ab, cd. ef", " \u2009. ab cd"])
def test_what_has_no_pieces_may_come_first(text):
    found = split(text, lambda lines: [[ord(each) for each in line if each.isalpha()] for line in lines], 2)
    assert "".join(chr(each) for part in found for each in part.pieces) == "".join(filter(str.isalpha, text))
