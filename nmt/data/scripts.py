"""Scripts: which one a line is written in, which ones a language is written in, and how alike two texts are in them."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import chain

_OF_LANGUAGES = {
    "CYRILLIC": "ru uk be bg mk sr kk ky tg mn tt ba cv os ce", "GREEK": "el", "ARABIC": "ar fa ur ps ug sd ckb",
    "HEBREW": "he yi iw", "DEVANAGARI": "hi mr ne sa bho mai", "BENGALI": "bn as", "GURMUKHI": "pa", "GUJARATI": "gu",
    "TAMIL": "ta", "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml", "SINHALA": "si", "THAI": "th", "LAO": "lo",
    "TIBETAN": "bo dz", "MYANMAR": "my", "GEORGIAN": "ka", "ARMENIAN": "hy", "KHMER": "km", "ETHIOPIC": "am ti",
    "HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh ja ko yue cmn",
    "LATIN": "en de fr es it pt nl sv da no nb nn fi is fo pl cs sk sl hr bs sr hu ro et lv lt tr az uz tk vi id ms tl "
    "sw eu ca gl oc ga gd cy br sq mt eo la lb af zu xh yo ig ha so mg ht",
}  # fmt: skip

WITHOUT_BLANKS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
"""Scripts that put no blanks between words."""


@lru_cache(maxsize=1 << 16)
def script_of(character: str) -> str | None:
    """The script of a letter, in Unicode's words: LATIN, CYRILLIC, CJK; None for anything else."""
    name = unicodedata.name(character, "").partition(" ")[0] if character.isalpha() else None
    return name if name in _OF_LANGUAGES else None


def script(line: str) -> str | None:
    """The script of most letters in a line; None if it has no letters of a known script."""
    counts = Counter(filter(None, map(script_of, line)))
    return counts.most_common(1)[0][0] if counts else None


def scripts_of(language: str) -> set[str]:
    """The scripts that a language is written in, by its code; empty for a language that is not known here."""
    code = language.lower().replace("_", "-").partition("-")[0]
    return {name for name, languages in _OF_LANGUAGES.items() if code in languages.split()}


def likeness(one: Iterable[str], other: Iterable[str]) -> float:
    """How alike two texts are: 0 with no script in common, 1 with the same scripts in the same shares of letters."""
    shares, others = shares_of(count(one)), shares_of(count(other))
    return sum(min(share, others.get(name, 0)) for name, share in shares.items())


def count(lines: Iterable[str], of: Callable[[str], str | None] = script_of) -> Counter[str]:
    """The number of letters of each script in a text; `of` gives the script of a character, None for no letter."""
    counts: Counter[str] = Counter()
    for character, times in Counter(chain.from_iterable(lines)).items():
        if name := of(character):
            counts[name] += times
    return counts


def shares_of(counts: Counter[str]) -> dict[str, float]:
    """The share of each script among all letters, from 0 to 1; empty for a text without letters."""
    return {name: times / counts.total() for name, times in counts.items()}
