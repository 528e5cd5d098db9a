"""Unicode normalisation as rules of SentencePiece: which characters become which, compiled into a tokenizer's model.

SentencePiece replaces the longest strings that it finds in a table, and knows for every piece where its characters are
in the text as it was written. Its own tables are `nfkc`, `nmt_nfkc` (Kudo and Richardson 2018), and both with case
folding: `nfkc_cf`, `nmt_nfkc_cf`. Two more are made here from the Unicode Character Database:

    nfc           canonically equivalent spellings become the composed character (UAX #15): e + U+0301 -> é
    nfc_folded    nfc, and characters that differ from others in shape alone become these: full-width letters,
                  presentation forms, ligatures, kinds of blanks. Control characters and invisible layout marks are
                  dropped

NFKC also rewrites characters with a meaning of their own: 10² -> 102, ½ -> 1⁄2, the Thai vowel U+0E33 -> two
characters. `nmt_nfkc` makes a blank of the zero-width non-joiner, which is part of Persian spelling.
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, permutations

import sentencepiece

from nmt.data.model_proto import CHARSMAP, NAME, NORMALIZER_SPEC, field, fields

_COMPOSED, _SHAPED = range(0x30000), range(0x10000)  # beyond them no character has a decomposition of the kind
_HANGUL = range(0xAC00, 0xD7A4)
_FINALS, _FINAL = 28, 0x11A7  # of a Hangul syllable: how many there are, none included, and the code of none
_SHAPES = ("<wide>", "<narrow>", "<small>", "<vertical>", "<initial>", "<medial>", "<final>", "<isolated>", "<noBreak>")
_LIGATURES = range(0xFB00, 0xFB18)  # Latin and Armenian; the database calls them <compat>, as it does much else
_KANA, _VOICING = range(0xFF66, 0xFF9E), "\uff9e\uff9f"  # half-width
_BLANKS = "\t\n\v\f\r\x85\u2028\u2029"  # beside the category Zs
_MARKS = (0x00AD, 0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF)
_ONLY_ERRORS = 2  # SentencePiece's log level


@lru_cache
def normaliser(rule: str) -> sentencepiece.SentencePieceNormalizer:
    """Applies a rule to text; blanks at the ends and doubled ones stay."""
    sentencepiece.set_min_log_level(_ONLY_ERRORS)
    match rule:
        case "nfc":
            table = {"norm_map": sorted(_compositions().items())}
        case "nfc_folded":
            table = {"norm_map": sorted((_compositions() | _foldings()).items())}
        case _:
            table = {"rule_name": rule}
    return sentencepiece.SentencePieceNormalizer(
        **table, add_dummy_prefix=False, escape_whitespaces=False, remove_extra_whitespaces=False
    )


def normalising(rule: str) -> bytes:
    """Bytes that, appended to a SentencePiece model, make it normalise by this rule instead of its own."""
    spec = dict(fields(normaliser(rule).serialized_normalizer_spec()))
    return field(NORMALIZER_SPEC, field(NAME, rule.encode()) + field(CHARSMAP, spec.get(CHARSMAP, b"")))


def _compositions() -> dict[str, str]:
    """Spellings of a character -> the composed one, if they differ."""
    rules = {}
    for character in map(chr, _COMPOSED):
        decomposition = unicodedata.decomposition(character)
        if decomposition and not decomposition.startswith("<"):
            composed = unicodedata.normalize("NFC", character)
            rules |= {each: composed for each in _spellings(character) if each != composed}
    for code in _HANGUL:  # syllables are composed by arithmetic and have no entry in the database
        rules[unicodedata.normalize("NFD", chr(code))] = chr(code)
        if final := (code - _HANGUL.start) % _FINALS:
            rules[chr(code - final) + chr(_FINAL + final)] = chr(code)
    return rules


def _spellings(character: str) -> Iterator[str]:
    """Canonically equivalent strings: the marks in each order that is equivalent, the first ones composed or not."""
    yield character
    base, *marks = decomposed = unicodedata.normalize("NFD", character)
    for order in permutations(marks):
        for composed in range(len(order) + 1):
            first = unicodedata.normalize("NFC", base + "".join(order[:composed]))
            text = first + "".join(order[composed:])
            if unicodedata.normalize("NFD", text) == decomposed:
                yield text


def _foldings() -> dict[str, str]:
    """Characters -> those of which they are a shape, a blank, or nothing."""
    voiced = (chr(kana) + mark for kana in _KANA for mark in _VOICING)
    folded = {text: "".join(map(_fold, text)) for text in chain(map(chr, _SHAPED), voiced)}
    return {text: unicodedata.normalize("NFC", found) for text, found in folded.items() if found != text}


def _fold(character: str) -> str:
    category, (tag, *codes) = unicodedata.category(character), unicodedata.decomposition(character).split() or [""]
    if category == "Zs" or character in _BLANKS:
        return " "
    if ord(character) in _MARKS or (category == "Cc" and character != "\0"):
        return ""
    if tag in _SHAPES or (tag == "<compat>" and ord(character) in _LIGATURES):
        return "".join(_fold(chr(int(code, 16))) for code in codes)
    return character
