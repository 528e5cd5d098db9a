"""Sentences of many scripts, and the traps of each: every case is a line as it should be cut."""

import random

import pytest

from nmt.data.abbreviations import USAGE, usage
from nmt.data.sentences import sentences

MARKS = [
    ["One. ", "Two! ", "Three? ", "Four… ", "Five"],
    ["Wait... ", "What?! ", "No."],
    ["Is she 12? ", "Plan B! ", "Yes."],
    ["It was in 2010. ", "Then it ended."],
    ['He said: "Go!" ', "(She went.) ", "«Vraiment ?» ", "Oui."],
    ["„Ja.“ ", "»Nein.« ", "‚So?‘ ", "Dann ging er."],
    ["« Vraiment ? » ", "« Oui. » ", "Bon."],
    ['" Go ! " ', 'He said : " Stop . " ', "Then he left ."],
    ["Ja. ", "– Nein! ", "- Doch."],
    ["She is 3.14 m tall. ", "See www.example.com or file.txt, v2.0. ", "Ok"],
    ['"Go!" he said. ', "(Why?) he asked. ", "He went... and came."],
    ["so says he. ", "who is he? ", "nobody knows."],  # a line without capitals
    ["1. First of all. ", "Next"],
    ["A. Smith came."],
    ["Wait. . . no. ", "Yes."],
    [".NET is old. ", ".NET is new."],
    ["今天好。", "明天？", "「好！」", "再见"],
    ["他说。", "“好。”", "再见"],
    ["我……不知道。", "《你好！李焕英》好看吗？", "好看。"],
    ["你好!", "你是谁?", "我是iPhone用户。", "iPhone 很好。"],
    ["「行くよ。」と言った。", "気温は３．５度です。", "はい。"],
    ["네. ", "저는 학생입니다. ", "맞아요?"],
    ["यह है। ", "हाँ॥ ", "यह एक किताब।", "ठीक"],
    ["আমি ভাত খাই। ", "তুমি?"],
    ["یہ ہے۔ ", "کیا؟ ", "ہاں"],
    ["هل أنت هنا؟ ", "نعم، أنا هنا. ", "حسنا!"],
    ["ד. כהן הגיע. ", "שלום."],
    ["Բարեւ։ ", "Ինչպե՞ս ես: ", "Լավ։"],
    ["ሰላም። ", "እንዴት ነህ፧ ", "ደህና፡፡ ", "እሺ"],
    ["ខ្ញុំទៅ។ ", "អ្នក?"],
    ["သွားမယ်။ ", "လာပါ။"],
    ["བཀྲ་ཤིས། ", "བདེ་ལེགས།"],
    ["Πού είσαι; ", "Εδώ· έλα. ", "Καλά"],
    ["Wait; No; Yes. ", "Ok: No."],
    ["ეს არის Google. ", "კარგია."],
    ["ฉันชอบแมว เขาชอบหมา"],
    ["A tab.\t", "Two blanks.  ", "No-break.\xa0", "End."],
]
LANGUAGES = {
    "de": [
        ["Am 3. Oktober kam J. Smith, z. B. aus Wien, 2.5 km weit. ", "Danach 2010. ", "Ende"],
        ["Dr. Meyer wohnt in der Karl-Marx-Str. 5. ", "Er ist 12. ", "Sie ist 13."],
        ["Karl IV. Lucemburský u. a. kamen usw. ", "Das war Nr. 5, Prof. h. c. Müller."],
        ["Los geht's. ", "Der Super-G. ", "Gut."],
    ],
    "en": [
        ["Mr. and Mrs. Smith met Dr. J. R. Brown at 5 p.m. on Friday. ", "No. ", "It is No. 5."],
        ["He works at Acme Inc. ", "The U.S. Army, e.g. in St. Louis, is big, etc. ", "So am I. ", "Tom left."],
        ["I have 3. ", "You have 4."],
        ["Jan. 5 is a day. ", "See Fig. 3, vol. 2, pp. 4-5."],
    ],
    "fr": [["M. Dupont et Mme. Curie, cf. p. 5, l'art. 3. ", "Il y en a. ", "Bien."]],
    "es": [["¡Hola! ", "¿qué tal, Sr. López? ", "Bien, Ud. lo sabe, pág. 3. ", "Sí."]],
    "it": [["Il Sig. Rossi c'è. ", "Sì, lui è. ", "Bene."]],
    "pt": [["O Sr. Silva, a Dra. Lima, etc. ", "Ele é. ", "Bom."]],
    "nl": [["Dhr. de Vries, d.w.z. Jan, komt. ", "'s Morgens werkt hij."]],
    "pl": [["Ul. Długa 5, tj. obok, np. Kraków. ", "W 2. Pułku był Jan III Sobieski. ", "Tak."]],
    "cs": [["Dne 3. Května přišel Karel IV. Lucemburský, např. z Prahy. ", "Ano."]],
    "ru": [["А. С. Пушкин, т. е. поэт, жил на ул. Мойка, д. 12. ", "Это я. ", "Том тут."]],
    "hi": [["डॉ. शर्मा आए। ", "ठीक है।"]],
    "tr": [["Prof. Dr. Yılmaz 3. Cadde'de. ", "Evet."]],
}
CASES = [("", case) for case in MARKS] + [(language, case) for language in LANGUAGES for case in LANGUAGES[language]]


@pytest.mark.parametrize(("language", "expected"), CASES)
def test_sentences(language, expected):
    assert sentences("".join(expected), language) == expected


def test_codes_of_languages():
    assert usage("de") is usage("deu") is usage("de-AT") is usage("de_CH") is usage("DE") is USAGE["de"]
    assert usage("nb") is USAGE["da"] and usage("de+fr") is usage("xx") is usage("") is not USAGE["de"]
    assert sentences("Mr. X came. Yes.", "xx") == ["Mr. X came. ", "Yes."]
    for known in USAGE.values():
        assert not known.abbreviations & known.starters


def test_nothing_is_lost_whatever_the_text():
    alphabet = "aA1 .?!…。！」\"'”»«)(,;:\u3000\t\u2028é\u0301ა۔।;"
    draw = random.Random(7)
    for _ in range(500):
        text = "".join(draw.choices(alphabet, k=draw.randrange(60)))
        found = sentences(text, draw.choice(["", "de", "en", "ru"]))
        assert "".join(found) == text and all(found)
