"""What an error message may hold."""

from nmt.errors import DataError


def test_control_characters_are_shown_and_not_obeyed():
    assert DataError("a\x1b[31mb\tc\rd\x9b").message == "a\\x1b[31mb\\tc\\rd\\x9b"
    assert DataError("two faults\n  ä: 漢\n  b: c").message == "two faults\n  ä: 漢\n  b: c"


def test_endless_lines_are_cut():
    assert DataError("x" * 1003).message == "x" * 1003
    assert DataError("x" * 5000 + " is no id\ny").message == "x" * 800 + "..." + "x" * 191 + " is no id\ny"
