"""Translation memories (TMX 1.4): units of the same text in several languages, read as a stream.

The parser is expat. It fetches nothing, and a document that declares entities is rejected, since nested entities can
grow to any size. In a segment <hi> and <sub> hold text, while <bpt>, <ept>, <it>, <ph> and <ut> hold codes
of the program that wrote it.
"""

import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from nmt.data.formats.columns import Column, Gaps
from nmt.data.formats.encoding import LONGEST
from nmt.data.formats.packing import unpacked
from nmt.errors import DataError

_CODES = ("bpt", "ept", "it", "ph", "ut")
_SHOWN = 20  # languages in a message
_BLANKS = re.compile(r"\s+")


def read_tmx(path: Path, columns: tuple[Column, Column], gaps: Gaps) -> Iterator[tuple[str, str]]:
    """The segments in two languages. Columns are codes, where de also finds de-AT, or count the first unit's languages.

    Units that lack one of the languages are left out and counted.
    """
    languages: list[str] = []
    codes: dict[str, None] = {}
    skipped = count = 0
    for unit in _units(path):
        count += 1
        codes |= dict.fromkeys(unit) if len(codes) < _SHOWN else {}
        languages = languages or [_language(column, list(unit), path) for column in columns]
        pair = [_find(unit, language) for language in languages]
        if None in pair:
            skipped += 1
            continue
        yield pair[0], pair[1]
    if count and skipped == count:
        listed = ", ".join(codes)
        raise DataError(
            f"{path}: expected units in {' and '.join(languages)}, found {listed}", hint="`columns` names two languages"
        )
    if skipped:
        gaps.note(f"{path}: {skipped:,} of {count:,} units were left out, as they lack {' or '.join(languages)}")


def _language(column: Column, found: list[str], path: Path) -> str:
    if isinstance(column, str):
        return column
    if column > len(found):
        listed = ", ".join(found) or "none"
        raise DataError(f"{path}: expected {column} languages, found {listed}", hint="`columns` takes codes: [de, en]")
    return found[column - 1]


def _find(unit: dict[str, str], language: str) -> str | None:
    """The text in a language: by its exact code if there is one, else by the part before the region."""
    wanted = language.lower().replace("_", "-")
    if wanted in unit:
        return unit[wanted]
    return next((text for code, text in unit.items() if code.partition("-")[0] == wanted), None)


def _units(path: Path) -> Iterator[dict[str, str]]:
    """{language code in lower case: text} of each unit."""
    reader = _Reader(path)
    with unpacked(path) as chunks:
        try:
            for chunk in chunks:
                reader.parser.Parse(chunk, False)
                while reader.units:
                    yield reader.units.popleft()
            reader.parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise DataError(f"{path}:{error.lineno}: not XML ({expat.errors.messages[error.code]})",
                            hint="export the translation memory again, as TMX 1.4") from error  # fmt: skip
    yield from reader.units
    if not reader.is_tmx:
        raise DataError(f"{path}: XML, but not a translation memory", hint="expected <tmx> as the outermost element")


class _Reader:
    """Gathers the events of expat into units."""

    def __init__(self, path: Path):
        self.path, self.units, self.is_tmx = path, deque(), False
        self.unit: dict[str, str] = {}
        self.language: str | None = None
        self.text: list[str] | None = None  # of the segment that is open
        self.size = self.codes = 0
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self.start, self.end
        parser.CharacterDataHandler, parser.EntityDeclHandler = self.characters, self.entity

    def start(self, name: str, attributes: dict[str, str]) -> None:
        match name:
            case "tmx":
                self.is_tmx = True
            case "tu":
                self.unit = {}
            case "tuv":
                self.language = attributes.get("xml:lang", attributes.get("lang", "")).lower().replace("_", "-")
            case "seg":
                self.text, self.size, self.codes = [], 0, 0
            case _ if name in _CODES:
                self.codes += 1

    def end(self, name: str) -> None:
        match name:
            case "seg" if self.text is not None:
                self.unit.setdefault(self.language or "", _BLANKS.sub(" ", "".join(self.text)).strip())
                self.text = None
            case "tu":
                self.units.append(self.unit)
            case _ if name in _CODES:
                self.codes -= 1

    def characters(self, text: str) -> None:
        if self.text is None or self.codes:
            return
        self.size += len(text)
        if self.size > LONGEST:
            place = f"{self.path}:{self.parser.CurrentLineNumber}"
            hint = "split the segment or leave it out"
            raise DataError(f"{place}: a segment is longer than {LONGEST:,} characters", hint=hint)
        self.text.append(text)

    def entity(self, *_: object) -> None:
        raise DataError(
            f"{self.path}: declares XML entities, which a translation memory does not need",
            hint="remove the <!ENTITY> lines, or export the memory again",
        )
