"""The filters see one pair each, and say why they drop it."""

import pytest

from nmt.config import CleaningConfig
from nmt.data.cleaning import Verdict, judge, letters

OFF = CleaningConfig(max_words=None, max_characters=None, max_deviation=None, identical=False)


@pytest.mark.parametrize(
    ("source", "target", "settings", "verdict"),
    [
        ("Ja.", "Yes.", {}, Verdict.KEPT),
        ("", "Yes.", {}, Verdict.EMPTY),
        ("Ja.", " \t\u2028", {}, Verdict.EMPTY),
        ("\u200b", "Yes.", {}, Verdict.EMPTY),
        ("Ja.", "\ufeff \u00ad\x00\u202e", {}, Verdict.EMPTY),
        ("\ufeffJa.", "\u200b👍\u200d", {}, Verdict.KEPT),
        ("a b c", "x", {"max_words": 3}, Verdict.KEPT),
        ("x", "a b c d", {"max_words": 3}, Verdict.TOO_LONG),
        ("aaaa", "aaaaaa", {"max_characters": 5}, Verdict.TOO_LONG),
        ("same ", "same", {"identical": True}, Verdict.IDENTICAL),
        ("same ", "same", {}, Verdict.KEPT),
        ("12 :: 34", "a word", {"min_letters": 0.5}, Verdict.LETTERS),
        ("a word", "another", {"min_letters": 0.5}, Verdict.KEPT),
    ],
)
def test_a_pair_is_kept_or_dropped_for_a_reason(source, target, settings, verdict):
    assert judge(source, target, OFF.model_copy(update=settings)) is verdict


def test_marks_belong_to_the_letters():
    assert letters("हिन्दी") == 1.0
    assert letters("a 1!") == pytest.approx(1 / 3)
    assert letters("  ") == 0.0
