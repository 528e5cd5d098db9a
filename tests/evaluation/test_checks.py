"""Numbers, placeholders and names that are kept, repeated phrases, and the lines to look at."""

import pytest

from nmt.data import spans
from nmt.decoding.loops import loop
from nmt.evaluation import checks, names, numbers
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
    assert spans.find_all(text)[: len(found)] == found
    assert spans.find_all("100 % der Leute, 5% davon; a < b > c; 3:1; so (z.B. hier)") == []


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


def test_a_flood_takes_no_time():
    assert loop("a b " * 5_000) == "a b"
    assert numbers.find("1 " * 5_000 + "x" + "1." * 5_000)["1"] == 5_000
    assert spans.find_all("<a" * 5_000 + "{" * 5_000 + "a@" * 5_000) == []


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
