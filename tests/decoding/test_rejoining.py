"""Between the translations of a line's parts stands what the target language writes there."""

import pytest

from nmt.decoding.rejoining import gaps, glued, indentation
from nmt.decoding.splitting import Part

BLANKS = [" ", "", "  "]


def joined(texts, language, between=BLANKS):
    return "".join(glued(texts, between, language))


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "A. B. C.  D."),  # what stood in the source, at least one blank
        ("de-AT", "A. B. C.  D."),
        ("th", "A. B. C.  D."),  # Thai has no stop, and ends a sentence with a blank
        ("zh", "A.B.C.D."),
        ("zh_TW", "A.B.C.D."),
        ("jpn", "A.B.C.D."),
        ("yue-HK", "A.B.C.D."),
        ("de+zh", "A. B. C.  D."),
    ],
)
def test_blanks_are_those_of_the_language(language, expected):
    assert joined(["A.", "B.", "C.", "D."], language) == expected


def test_the_script_decides_if_the_code_does_not():
    assert joined(["你好。", "再见。", "「好」", "OK."], "x+y") == "你好。再见。「好」  OK."
    assert joined(["네.", "아니요.", "좋아요.", "끝."], "ko") == "네. 아니요. 좋아요.  끝."


def test_white_space_stays_on_one_line():
    assert joined(["A.", "B.", "C.", "D."], "en", ["\t", "\u3000", "\u2028\x85"]) == "A.\tB. C.  D."


def test_empty_translations_leave_no_gap():
    assert joined(["", "A.", "", "B."], "en", ["1", "2", "3"]) == "A.3B."
    assert joined(["", ""], "en", [" "]) == ""


def test_gaps_of_a_line():
    line = "  A b.\tCdef  g"
    parts = [Part(2, "A b.", [1]), Part(7, "Cdef", [1]), Part(7, "Cdef", [2], first=1), Part(13, "g", [3])]
    assert gaps(line, parts) == ["\t", "", "  "]


@pytest.mark.parametrize(
    ("line", "expected"),
    [("a ", ""), ("  a", "  "), ("\t\xa0\u3000a", "\t\xa0\u3000"), ("\u2028\x0ba", "  "), (" \t", ""), ("", "")],
)
def test_indentation(line, expected):
    assert indentation(line) == expected
