"""Lines that break programs, as many as wanted: every Unicode category, controls, other line ends, floods, nothing.

Every fourth line is one of MARKED, whose translations tell their places.
"""

import random
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator

MARKED = [f"Line number {number * 7919 % 100_003} of these." for number in range(1000)]

_BREAKS = "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_WORDS = ["a", "man", "in hats,", "Nobody there?", "ünïcödé", "漢字仮名", "слово", "λόγος «x»", "3.14", "</s>", "▁"]
_RIGHT_TO_LEFT = "אבגדהוזחט ابتثجحخد \u200f\u202b\u202e\u2067\u2069"
_PEOPLE = "👩👨👧👦🧑🚀🏽❤️🏳️🌈"


def odd_lines(count: int, *, seed: int = 1, longest: int = 10_000) -> Iterator[str]:
    """The same lines for the same seed, without LF. Two in ten thousand are floods, of up to `longest` words."""
    chance, characters = random.Random(seed), _by_category()
    kinds = [_any, _category, _breaks, _combining, _right_to_left, _emoji, _blank, _words, _byte_order_marks]
    for number in range(count):
        if number % 4 == 0:
            yield chance.choice(MARKED)
        elif number % 10_000 in (5, 5001):
            yield chance.choice([" ".join(chance.choices(_WORDS, k=longest)), chance.choice("x.,😀\u0301\0") * longest])
        else:
            yield chance.choice(kinds)(chance, characters)


def _by_category() -> dict[str, list[str]]:
    found = defaultdict(list)
    for code in range(sys.maxunicode + 1):
        found[unicodedata.category(chr(code))].append(chr(code))
    del found["Cs"]  # surrogates, which UTF-8 cannot hold
    found["Cc"].remove("\n")
    return dict(found)


def _any(chance, characters):
    kinds = chance.choices(list(characters), k=chance.randint(1, 12))
    return "".join(chance.choice(characters[kind]) for kind in kinds)


def _category(chance, characters):
    return "".join(chance.choices(chance.choice(list(characters.values())), k=chance.randint(1, 12)))


def _breaks(chance, _):
    return "".join(chance.choices([*_BREAKS, "\0", " ", *_WORDS[:9]], k=chance.randint(1, 12)))


def _combining(chance, characters):
    return chance.choice("aeoक") + "".join(chance.choices(characters["Mn"], k=chance.randint(1, 40)))


def _right_to_left(chance, _):
    return "".join(chance.choices(_RIGHT_TO_LEFT, k=chance.randint(1, 20)))


def _emoji(chance, _):
    return "\u200d".join(chance.choices(_PEOPLE, k=chance.randint(1, 8)))


def _blank(chance, _):
    return "".join(chance.choices(" \t\u3000\xa0\u2009", k=chance.randint(0, 4)))


def _words(chance, _):
    return " ".join(chance.choices(_WORDS, k=chance.randint(1, 12)))


def _byte_order_marks(chance, _):
    return "\ufeff".join(chance.choices(_WORDS, k=chance.randint(2, 4)))
