"""Numbers, placeholders and names that are kept, repeated phrases, and the lines to look at."""

import pytest

from nmt.evaluation import checks, names, numbers, repetition, spans
from nmt.evaluation.checks import Kept


@pytest.mark.parametrize(
    ("source", "text", "lost"),
    [
        ("Zimmer 405", "Room 405.", []), ("Zimmer 405", "Room 504.", ["405"]), ("Zimmer 405", "Room 4 05", ["405"]),
        ("1.000 Euro", "1,000 euros", []), ("1.000 Euro", "1000 euros", []), ("1 000 000", "1,000,000", []),
        ("1\u202f000", "1'000", []), ("3,5 kg", "3.5 kg", []), ("3,5 kg", "5.3 kg", ["3,5"]), ("٤٠٥", "405", []),
        ("405", "४०५", []), ("١٬٠٠٠", "1,000", []), ("10:30 Uhr", "10.30", []), ("10:30 Uhr", "10 hours 31", ["10:30"]),
        ("31.12.2020", "12/31/2020", []), ("31.12.2020", "12/30/2020", ["31.12.2020"]),
        ("am 31.12.", "31 of month 12", []), ("5 und 5", "5", ["5"]),
        ("5 und 5", "5, 5", []), ("2010 300 Leute", "In 2010, 300 people", []), ("am 3.", "on the 3rd", []),
        ("zwei", "two", []), ("1 2", "2 1", []), ("²", "", []),
    ],
)  # fmt: skip
def test_numbers(source, text, lost):
    assert list(numbers.missing(numbers.find(source), text)) == lost


def test_spans():
    text = "Hi {name}, {{x}} ${y} %s %(n)s <b>100 %</b> see https://a.org/b?c=1. Mail a.b@c.org! 50 %d of 3 < 4"
    found = ["{name}", "{{x}}", "${y}", "%s", "%(n)s", "<b>", "</b>", "https://a.org/b?c=1", "a.b@c.org"]
    assert spans.find(text)[: len(found)] == found
    assert spans.find("100 % der Leute, 5% davon; a < b > c; 3:1; so (z.B. hier)") == []


SOURCES = ["Tom wohnt in Boston.", "In Boston lebt Tom.", "Der Computer ist an.", "Éva mag Wien.", "Man sieht es."]
TEXTS = ["Tom lives in Boston.", "In Boston lives Tom.", "The computer is on.", "It is Éva.", "Man is there; a man."]


def test_names_are_words_that_both_sides_write_alike():
    assert names.known(SOURCES, TEXTS) == {"Boston", "Tom", "Éva"}
    lines = checks.lines(SOURCES, [TEXTS])
    assert [dict(line.names) for line in lines] == [
        {"Tom": 1, "Boston": 1}, {"Boston": 1, "Tom": 1}, {}, {"Éva": 1}, {}
    ]  # fmt: skip
    assert checks.faults("Tim lives in Boston.", lines[0]) == ["name Tom is missing"]
    assert checks.faults("It is E\u0301va.", lines[3]) == []


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("the the cat", 0), ("the the the cat", 2), ("of the of the", 2), ("of the, of the; of the", 4),
        ("a b c d a b c", 0), ("no. No, no!", 2), ("nous nous voyons, vous vous voyez", 0), ("", 0), ("x" * 100, 0),
        ("人人都看看", 0), ("研究研究问题", 0), ("我们我们我们去", 4), ("哈哈哈哈哈哈", 5), ("กกกกกกกกก", 8),
        (" ".join(map(str, [*range(20), *range(20)])), 20), (" ".join(map(str, [*range(21), *range(21)])), 0),
    ],
)  # fmt: skip
def test_repetition(text, units):
    assert repetition.find(text).units == units


def test_repetition_is_that_of_the_definition():
    """Against all phrase lengths and all places, one after the other."""
    for text in ("a a b b a a b b a a b b", "a b a a b a a b", "a b c a b c a x a b a b", "a a a a b a a a a"):
        words, found = text.split(), []
        for length in range(1, len(words)):
            same = "".join("x" if words[at] == words[at - length] else " " for at in range(length, len(words)))
            found.append(sum(len(run) for run in same.split() if len(run) >= max(length, 2)))
        assert repetition.find(text).units == max(found), text


def test_a_flood_takes_no_time():
    assert repetition.find("a b " * 5_000).units == 9_998
    assert numbers.find("1 " * 5_000 + "x" + "1." * 5_000)["1"] == 5_000
    assert spans.find("<a" * 5_000 + "{" * 5_000 + "a@" * 5_000) == []


SOURCE = ["Zimmer 405, {name}", "Ja, ja, ja, ja", "Um 8 Uhr drei", "Danke"]
REFERENCE = ["Room 405, {name}", "Yes, yes, yes, yes", "At eight", "Thanks"]


def test_references_pass_and_faults_are_counted():
    lines = checks.lines(SOURCE, [REFERENCE])
    perfect = checks.check(REFERENCE, lines)
    assert perfect == (Kept(1, 1), Kept(1, 1), Kept(0, 0), 0, 4, 4, 1.0, None), "8 is spelled out"
    hypotheses = ["Room 504, name", "Yes, yes, yes, yes", "At at at eight", ""]
    found = checks.check(hypotheses, lines)
    assert found[:6] == (Kept(0, 1), Kept(0, 1), Kept(0, 0), 1, 1, 4) and 0.8 < found.length < 1
    head, first, second = checks.as_rows([perfect, found._replace(unseen=0.125)])
    assert head == ["numbers kept", "placeholders kept", "repetitive lines", "exact lines", "length", "unseen words"]
    assert first == ["1/1", "1/1", "0/4", "4/4", "1.00", ""]
    assert second == ["0/1", "0/1", "1/4", "1/4", f"{found.length:.2f}", "12.5%"]
    assert [checks.faults(text, line) for text, line in zip(hypotheses, lines, strict=True)] == [
        ["number 405 is missing", "placeholder {name} is missing"], [], ['"at" is repeated'],
        ["the hypothesis is empty"],
    ]  # fmt: skip


def test_any_reference_may_keep_a_number_and_none_without_source_is_a_name():
    lines = checks.lines(SOURCE, [["Room four hundred", *REFERENCE[1:]], REFERENCE])
    assert checks.check(REFERENCE, lines).numbers == Kept(1, 1)
    alone = checks.lines(None, [REFERENCE])
    assert checks.check(REFERENCE, alone)[:3] == (Kept(1, 1), Kept(1, 1), None)
    assert checks.check([""], checks.lines(None, [[""]])).length is None


def test_the_lines_to_look_at():
    lines = checks.lines(SOURCE, [REFERENCE])
    hypotheses = ["Room 504, {name}", "No", "At eight o'clock", "Thanks"]
    found = checks.worst(hypotheses, lines, [REFERENCE], 20)
    assert [each.line for each in found] == [1, 2, 3], "a fault first, then by chrF; no line that is a reference"
    assert found[0].faults == ["number 405 is missing"] and found[0].chrf > found[1].chrf < found[2].chrf
    assert found[1].source == "Ja, ja, ja, ja" and found[1].references == ["Yes, yes, yes, yes"]
    assert checks.worst(hypotheses, lines, [REFERENCE], 1) == found[:1]
    assert checks.worst(hypotheses, lines, [REFERENCE], 0) == []
