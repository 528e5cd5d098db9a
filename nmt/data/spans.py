"""Spans: parts of a text that a translation must keep as they are, such as placeholders and URLs.

Every pattern runs in linear time: repetitions are bounded, or begin at a place that no other repetition can reach.
"""

import re
from collections.abc import Iterator, Sequence

from nmt.config.tokenizer import Protected

_NAME = r"[A-Za-z_][\w.-]{0,63}"
_URL_CHARACTER = r"[!-~À-ԯ]"  # ASCII, Latin, Greek and Cyrillic: scripts without blanks may follow a URL directly
_URL_QUOTE = r"[<>\"“”«»]"

PATTERNS: dict[str, str] = {
    "placeholders": "|".join([
        r"\{\{\s{0,4}[\w.$|-]{1,64}\s{0,4}\}\}",                      # {{name}}
        r"\$?\{[\w.$:!-]{0,64}\}",                                    # {name} {0} {:.2f} {} ${name}
        rf"%\({_NAME}\)[-+#0]{{0,3}}\d{{0,3}}(?:\.\d{{1,3}})?[a-zA-Z]",  # %(name)s
        r"(?<![\d%])%(?:\d{1,2}\$)?[-+#0]{0,3}\d{0,3}(?:\.\d{1,3})?(?:hh?|ll?|[qjzt])?[sdiufFeEgGxXoc@](?![A-Za-z])",
        r"(?<![\d%])%[A-Z][A-Z0-9_]{1,63}%",                          # %NAME%
        rf"\${_NAME}\$",                                              # $name$
    ]),
    "tags": rf"</{_NAME}\s{{0,4}}>|<{_NAME}"
            r"(?:\s{1,4}[\w:.-]{1,64}\s{0,4}=\s{0,4}(?:\"[^\"<>]{0,500}\"|'[^'<>]{0,500}')){0,16}\s{0,4}/?>",
    "urls": rf"(?:https?://|ftp://|\bwww\.)(?:(?!{_URL_QUOTE}){_URL_CHARACTER})*"
            rf"(?!{_URL_QUOTE}|[.,;:!?()\[\]{{}}'’]){_URL_CHARACTER}",
    "emails": r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b",
    "numbers": r"(?<![\w.,])\d+(?:[.,:]\d+)*(?!\w)",
}  # fmt: skip
"""A regular expression per kind. Numbers are counted when survival is measured and never protected: their notation may
differ between languages."""

_ORDER = ("urls", "emails", "tags", "placeholders")
"""At one place of a text the first of these that matches wins."""


class Finder:
    """Finds the spans of several kinds; at one place the user's own patterns win."""

    def __init__(self, kinds: Sequence[Protected], own: Sequence[str], *, symbols: str):
        """`symbols` are characters that are spans by themselves, as a range of a character class."""
        patterns = [f"[{symbols}]", *own, *(PATTERNS[kind] for kind in _ORDER if kind in kinds)]
        self._pattern = re.compile("|".join(f"(?:{each})" for each in patterns))
        self._sign, self._own = re.compile(f"[{{%<$@:{symbols}]"), bool(own)

    def matches(self, line: str) -> Iterator[re.Match]:
        """The matches in a line, in order."""
        if self._own or self._sign.search(line) or "www." in line:  # else no kind can match, which is soon found
            yield from (match for match in self._pattern.finditer(line) if match.group())


_ALL = re.compile("|".join(PATTERNS[kind] for kind in _ORDER))


def find_all(line: str) -> list[str]:
    """The spans of a line of all kinds but numbers, in order."""
    return [match.group() for match in _ALL.finditer(line)]


def find(kind: str, line: str) -> list[str]:
    """The spans of one kind (a key of PATTERNS) in a line, in order."""
    return [match.group() for match in re.finditer(PATTERNS[kind], line)]
