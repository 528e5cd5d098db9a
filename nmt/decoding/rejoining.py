"""The translations of a line's parts -> one line, as the target language writes sentences."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from nmt.decoding.hypothesis import LINE_BREAKS
from nmt.decoding.splitting import Part

WITHOUT_BLANKS = frozenset(("zh", "zho", "chi", "cmn", "yue", "wuu", "hak", "gan", "cdo", "nan", "lzh", "ja", "jpn"))
"""Codes of languages that put no blank between sentences. Thai, Lao, Khmer, Burmese and Tibetan write none between
words, but one after a sentence."""
_WIDE = re.compile("[⺀-〿ぁ-ヿㄅ-ㄯ㐀-䶿一-鿿豈-﫿︰-﹏！-｠｡-ﾟ]")


def gaps(line: str, parts: Sequence[Part]) -> list[str]:
    """The white space between the parts of a line; a word that was cut has none."""
    return [line[one.end : other.begin] for one, other in pairwise(parts)]


def glued(texts: Iterable[str], gaps: Sequence[str], language: str) -> list[str]:
    """The translations of the parts, each with what stands before it in their line: joined they are the line's.

    Between sentences stands what stood in the source, at least one blank, unless the language of the translations
    writes none there, or both neighbours are Chinese or Japanese by their script.
    """
    found, before = [], ""
    for text, gap in zip(texts, ["", *gaps], strict=True):
        found.append(_between(before, gap, text, language) + text if before and text else text)
        before = text or before
    return found


def _between(before: str, gap: str, after: str, language: str) -> str:
    code = language.replace("_", "-").split("-")[0].lower()
    if code in WITHOUT_BLANKS or (_WIDE.match(before[-1]) and _WIDE.match(after[0])):
        return ""
    return gap.translate(LINE_BREAKS).replace("\u3000", " ") or " "


def indentation(line: str) -> str:
    """The white space with which a line begins; none of a line that holds nothing else."""
    text = line.lstrip()
    return line[: len(line) - len(text)].translate(LINE_BREAKS) if text else ""
