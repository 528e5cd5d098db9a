"""Facts about a text that spoil a model before it is trained: tokenised, lower-cased, swapped or another language.

They are looked for in a sample, by the files' names, by script, and by language identification if that is installed.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from nmt.config import ParallelText
from nmt.data.formats.packing import SUFFIXES
from nmt.data.languages import code_of, identifier
from nmt.data.scripts import script, scripts_of

_MOST, _HALF, _FEWEST = 0.9, 0.5, 20  # shares of the lines that decide, and how many lines must be judged
_IDENTIFIED = 400  # lines whose language is identified
_PUNCTUATED = re.compile(r"[^\W\d_][.,](?=\s|$)|\s[.,](?=\s|$)")  # a word, then a stop or comma
_APART = re.compile(r"\s[.,](?=\s|$)|&(?:apos|quot|amp);|@-@")
_CODE = re.compile(r"[a-z]{2,3}([-_][A-Za-z]{2,4})?")
_NO_CODES = ("src", "tgt", "trg", "ref", "raw", "tok", "txt", "tsv", "csv", "tmx")

Pair = tuple[str, str]


def language_of(path: Path) -> str | None:
    """The language that a file's name ends in: train.de.gz -> de."""
    name = unpacked_name(path).removesuffix(".txt").rpartition(".")[2]
    return name if _CODE.fullmatch(name) and name not in _NO_CODES else None


def languages_of(path: Path) -> tuple[str | None, str | None]:
    """The languages that are part of the name of a file with both sides: train.de-en.tsv.gz -> (de, en)."""
    found = re.search(r"(?:^|[._])([a-z]{2,3})-([a-z]{2,3})(?:[._]|$)", unpacked_name(path))
    return (found[1], found[2]) if found else (None, None)


def unpacked_name(path: Path) -> str:
    """A file's name without the ending of a packed file."""
    return path.stem if path.suffix.lower() in SUFFIXES else path.name


def warnings(sample: Sequence[Pair], languages: tuple[str, str], text: ParallelText) -> list[str]:
    """Sentences about what looks wrong in a sample of a text, given the languages that it should be in."""
    sides = list(zip(*sample, strict=True)) or [(), ()]
    wrong = _names(text, languages) or _scripts(sides, languages) or _identified(sides, languages)
    return [*wrong, *_forms(sides, languages)]


def _forms(sides: Sequence[Sequence[str]], languages: tuple[str, str]) -> list[str]:
    found = []
    for name, language, lines in zip(("source", "target"), languages, sides, strict=True):
        if _share(lines, _is_tokenised) >= _MOST:
            found.append(
                f"the {name} text ({language}) is tokenised: its punctuation stands between blanks. The model will "
                "expect and write such text; use the text before tokenisation"
            )
        if _share(lines, _is_lower) >= 0.98:
            found.append(
                f"the {name} text ({language}) is lower-cased. The model will "
                + ("expect such text" if name == "source" else "write no capitals")
                + "; use the text with its capitals"
            )
    return found


def _share(lines: Sequence[str], test: Callable[[str], bool | None]) -> float:
    """Share of the lines that pass a test, among those that can be judged; 0 if these are too few."""
    votes = [vote for vote in map(test, lines) if vote is not None]
    return sum(votes) / len(votes) if len(votes) >= _FEWEST else 0.0


def _is_tokenised(line: str) -> bool | None:
    if not _PUNCTUATED.search(line) and not _APART.search(line):
        return None
    return bool(_APART.search(line))


def _is_lower(line: str) -> bool | None:
    """Whether no letter is a capital; None without letters that have two cases."""
    return None if line.lower() == line.upper() else line == line.lower()


def _names(text: ParallelText, languages: tuple[str, str]) -> list[str]:
    """Files whose names suggest that the sides are swapped."""
    named = {languages_of(path) for path in text.tsv}
    named |= {(language_of(a), language_of(b)) for a, b in zip(text.source, text.target, strict=False)}
    expected = tuple(map(code_of, languages))
    for pair in named - {(None, None)}:
        if None not in pair and tuple(map(code_of, pair)) == expected[::-1] != expected:
            if text.tsv and text.columns != (1, 2):
                continue
            return [f"the files' names ({pair[0]}, {pair[1]}) suggest that source and target are swapped"]
    return []


def _scripts(sides: Sequence[Sequence[str]], languages: tuple[str, str]) -> list[str]:
    """Sides in a script that their language is not written in."""
    expected = [scripts_of(language) for language in languages]
    found = [Counter(filter(None, map(script, lines))) for lines in sides]
    return _compare(
        languages, found, lambda side, counts: sum(counts[each] for each in expected[side]) if expected[side] else None,
        lambda counts: f"in {counts.most_common(1)[0][0].capitalize()} script",
    )  # fmt: skip


def _identified(sides: Sequence[Sequence[str]], languages: tuple[str, str]) -> list[str]:
    """Sides in another language, if language identification is installed."""
    identify = identifier()
    if identify is None:
        return []
    found = [Counter(filter(None, map(identify, lines[: _IDENTIFIED]))) for lines in sides]
    return _compare(
        languages, found, lambda side, counts: counts[code_of(languages[side])],
        lambda counts: f'in the language "{counts.most_common(1)[0][0]}"',
    )  # fmt: skip


def _compare(
    languages: tuple[str, str], found: Sequence[Counter], fitting: Callable[[int, Counter], int | None],
    name: Callable[[Counter], str],
) -> list[str]:  # fmt: skip
    """Compare what the lines of both sides are with what they should be; `fitting` counts the lines that fit a side."""

    def misfit(side: int, counts: Counter) -> bool:
        fits, total = fitting(side, counts), counts.total()
        return fits is not None and total >= _FEWEST and fits < _HALF * total

    wrong = [misfit(side, found[side]) for side in (0, 1)]
    if any(wrong) and not misfit(0, found[1]) and not misfit(1, found[0]) and all(
        counts.total() >= _FEWEST for counts in found
    ):  # fmt: skip
        return [f"source and target look swapped: the source text is mostly {name(found[0])}, not {languages[0]}"]
    return [
        f"the {('source', 'target')[side]} text is mostly {name(found[side])}; expected {languages[side]}"
        for side in (0, 1)
        if wrong[side]
    ]
