"""Text -> sentences, for many scripts, by the marks with which sentences end.

A stop ends a sentence, with the quotes and brackets that close there, if a blank follows it or its script writes none.
The exceptions follow Unicode's sentence boundaries (UAX #29, SB6 to SB8a): no sentence begins with a small letter, a
comma or another stop. A full stop may also mark an abbreviation, an initial or an ordinal (see abbreviations.py); it
then ends a sentence only before a word with which sentences often begin (Kiss and Strunk 2006).
"""

import re

from nmt.data.abbreviations import Usage, usage

_SPACED = ".!?…‥۔"
"""Stops that end a sentence only before white space."""
_FREE = "։؝؞؟܀܁܂߹।॥။።፧፨᙮។៕᠃᠉᥄᥅᪨-᪫᭚᭛᭞᭟᰻᰼᱾᱿‼‽⁇⁈⁉⸮⸼。꓿꘎꘏꛳꛷꡶꡷꣎꣏꤯꧈꧉꩝-꩟꫰꫱꯫︒︕︖﹖﹗！．？｡།༎༏༐༑"
"""Other scripts' stops: the rest of Unicode's Sentence_Terminal in the Basic Multilingual Plane, and Tibetan's shad."""
_AFTER = {";": "Ͱ-Ͽἀ-῿", "\u037e": "Ͱ-Ͽἀ-῿", ":": "Ա-֏"}
"""Stops only after a letter of one script: the Greek question mark, and a colon typed for the Armenian full stop."""
_CLOSING = "\"'”’»›)\\]}」』】）》〉〕｣"
_ELSEWHERE_OPENING = "“‘«‹"  # which close in German; before a blank they cannot open anything
_OPENED_BY = {'"': '"', "»": "«", "”": "“"}
"""Marks that close a quotation also after a blank, if it was opened in the sentence, and what opens it."""
_WIDE = "々-〇〡-〩぀-ヿㄅ-ㄯ㐀-䶿一-鿿豈-﫿ｦ-ﾝ"
"""Letters of Chinese and Japanese."""

_STOP = re.compile(f"[{_SPACED}{_FREE}{''.join(_AFTER)}]+|፡፡+")
_CLOSE = re.compile(f"[{_CLOSING}]*")
_CLOSE_BEFORE_BLANK = re.compile(rf"[{_CLOSING}{_ELSEWHERE_OPENING}]*(?=\s|$)")
_CLOSE_AFTER_BLANK = re.compile(rf"\s([{''.join(_OPENED_BY)}])(?=\s|$)")
_BLANK = re.compile(r"\s*")
_CONTINUES = re.compile(f"[,;:،؛、，；：]|[{_SPACED}{_FREE}]{{1,9}}(?![^\\W_]|[{_SPACED}{_FREE}])")
_OPENING = re.compile(r"(?:'[a-z] (?=[A-Z])|[\"'“‘„‚«»‹›(\[{¿¡「『【（《*•·–—-]|\s(?=\S))*")
_LETTER = re.compile(r"[^\W\d_]")
_LABEL = re.compile(rf"\W*(?:\d{{1,3}}|(?![{_WIDE}가-힣])[^\W\d_]|[IVX]{{2,5}})")
_LAST_WORD = re.compile(r"[^\s\"“”„‚‘«»‹›()\[\]{}<>¿¡…—–]*$")
_BEFORE_LAST = re.compile(r".*['’-]")
_FIRST_WORD = re.compile(r"[^\W\d_]{1,20}['’]?(?!\.)")
_INNER_STOPS = re.compile(r"(?:[^\W\d_]{1,2}\.-?)+[^\W\d_]{1,2}")
_ROMAN = re.compile("[IVXLC]{2,7}")
_ONE_LETTER_WORDS = re.compile(f"[{_WIDE}가-힣]")
_PARTICLE = re.compile("[とっはがをにもの]")
_LONGEST_WORD, _LONGEST_TITLE, _LONGEST_QUOTATION = 32, 64, 2000


def sentences(text: str, language: str = "") -> list[str]:
    """The sentences of a line, white space included: joined they are the text. `language` is a code such as `de`."""
    known, cased = usage(language), text != text.lower()
    found, start, seen, letters = [], 0, 0, False
    for stop in _STOP.finditer(text):
        letters = letters or bool(_LETTER.search(text, seen, stop.start()))
        seen = stop.end()
        closed = _close(text, start, stop.end())
        begin = _BLANK.match(text, closed).end()
        if letters and begin < len(text) and _ends(text, start, stop, closed, begin, known, cased):
            found.append(text[start:begin])
            start, letters = begin, False
    return [*found, text[start:]] if start < len(text) else found


def _close(text: str, start: int, end: int) -> int:
    """The end of the quotes and brackets that close after a stop, in a sentence that starts at `start`."""
    end = (_CLOSE_BEFORE_BLANK.match(text, end) or _CLOSE.match(text, end)).end()
    after_blank = _CLOSE_AFTER_BLANK.match(text, end)
    if after_blank is None:
        return end
    closing, place = after_blank[1], max(start, end - _LONGEST_QUOTATION)
    opening = _OPENED_BY[closing]
    marks = text.count(opening, place, end) - (text.count(closing, place, end) if opening != closing else 0)
    return after_blank.end() if marks % 2 else end


def _ends(text: str, start: int, stop: re.Match, closed: int, begin: int, known: Usage, cased: bool) -> bool:
    """Whether the sentence that starts at `start` ends with a stop, and the next one begins at `begin`."""
    if _CONTINUES.match(text, begin):
        return False
    before, mark = text[max(start, stop.start() - 1) : stop.start()], stop[0][-1]
    if mark in _AFTER:
        return begin > closed and re.match(f"[{_AFTER[mark]}]", before) is not None
    if mark not in _SPACED:
        if begin == closed and _within_title(text[max(start, closed - _LONGEST_TITLE) : closed]):
            return False
        particle = stop.end() < closed == begin and _PARTICLE.match(text, begin)
        return not particle and not (mark == "．" and before.isdigit() and text[begin].isdigit())
    if begin == closed:
        return mark in ".!?" and re.match(f"[{_WIDE}]{{2}}", before + text[begin]) is not None
    opened = _OPENING.match(text, begin)
    following = text[opened.end() : opened.end() + 1]
    if cased and _is_small(following) and not re.search("[¿¡]", opened[0]):
        return False
    return stop[0] != "." or _ends_at_full_stop(text, start, stop.start(), opened.end(), known)


def _within_title(text: str) -> bool:
    """Whether the title of a work, in double angle brackets, is open at the end."""
    return text.count("《") > text.count("》")


def _ends_at_full_stop(text: str, start: int, stop: int, begin: int, known: Usage) -> bool:
    """Whether a single full stop ends a sentence, and is not only a part of its last word."""
    word = _LAST_WORD.search(text[max(start, stop - _LONGEST_WORD) : stop])[0]
    is_label = _LABEL.fullmatch(text, start, stop) is not None
    if is_label or (_last(word) in known.before_numbers and text[begin : begin + 1].isdigit()):
        return False
    first = _FIRST_WORD.match(text, begin)
    return not _keeps_its_stop(word, known) or (first is not None and first[0].lower() in known.starters)


def _keeps_its_stop(word: str, known: Usage) -> bool:
    """Whether a word is written with a full stop inside a sentence: an abbreviation, an initial or an ordinal."""
    if len(word) == 1 and word.isalpha():
        return word not in known.letters and not _ONE_LETTER_WORDS.match(word)
    if _last(word) in known.abbreviations or _INNER_STOPS.fullmatch(word):
        return True
    return known.ordinals and bool((word.isdecimal() and len(word) <= 3) or _ROMAN.fullmatch(word))


def _last(word: str) -> str:
    """The last part of an elision or a compound, in small letters: the `str` of "Karl-Marx-Str"."""
    return _BEFORE_LAST.sub("", word).lower()


def _is_small(letter: str) -> bool:
    """Return whether it is a small letter of a script whose sentences begin with capitals, as Georgian's do not."""
    return letter.islower() and not "ა" <= letter <= "ჿ"
