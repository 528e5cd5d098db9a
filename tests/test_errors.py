"""What an error message may hold."""

from nmt.errors import DataError


def test_control_characters_are_shown_and_not_obeyed():
    fault = DataError("a\x1b[31mb\tc\rd\x9b", hint="\u202ecbm")
    assert (fault.message, fault.hint) == ("a\\u001b[31mb\tc\\u000dd\\u009b", "\\u202ecbm")
    assert DataError("two faults\n  ä: 漢\n  b: c").message == "two faults\n  ä: 漢\n  b: c"


def test_endless_lines_are_cut():
    assert DataError("x" * 1003).message == "x" * 1003
    assert DataError("x" * 5000 + " is no id\ny").message == "x" * 800 + "..." + "x" * 191 + " is no id\ny"
