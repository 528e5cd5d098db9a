"""Numbers in text, in the digits of any script and the notation of any language: 1,000 = 1.000 = 1 000 = ١٬٠٠٠."""

import re
import unicodedata
from collections import Counter

_NUMBER = re.compile(r"(?<!\d)\d{1,3}(?:[ \u00a0\u2009\u202f]\d{3})+(?!\d)|\d+(?:[.,:/'’٫٬]\d+)*")


def find(text: str) -> Counter[str]:
    """Return the numbers of a text as they are written, with how often each occurs."""
    return Counter(match[0] for match in _NUMBER.finditer(text))


def missing(expected: Counter[str], text: str) -> Counter[str]:
    """Return the expected numbers that a text does not have.

    Only digits count: 1,000 is found in 1000, and 10:30 in 10.30. The groups of a date may have another order, and may
    be numbers of their own: 31.12.2020 is found in 12/31/2020, and 31.12. in "31 of month 12".
    """
    found = [_groups(number) for number in find(text).elements()]
    whole = Counter("".join(groups) for groups in found)
    parts = Counter(group for groups in found for group in groups)
    lost: Counter[str] = Counter()
    for number in expected.elements():
        groups = _groups(number)
        digits = "".join(groups)
        if whole[digits]:
            whole[digits] -= 1
        elif Counter(groups) - (parts if len(groups) > 2 else whole):
            lost[number] += 1
    return lost


def _groups(number: str) -> list[str]:
    """Return the groups of digits in ASCII, such as 1 and 000 of 1,000."""
    ascii_digits = (str(unicodedata.decimal(each)) if each.isdecimal() else " " for each in number)
    return "".join(ascii_digits).split()
