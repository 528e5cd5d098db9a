"""Notes on scores that mislead: each on text with the fault, and none on good text."""

import random
import unicodedata

import pytest

from nmt.evaluation import metrics, notes

WORDS = metrics.words(metrics.Settings())
SUBJECTS = {"Der Mann": "The man", "Die Frau": "The woman", "Der müde Hund": "The tired dog", "Éva": "Éva"}
VERBS = {"sieht": "sees", "hört": "hears", "sucht": "looks for", "kennt": "knows"}
OBJECTS = {
    "das Haus, das rot ist.": "the house, which is red.", "einen alten Baum.": "an old tree.",
    "den Fluß & den See.": "the river & the lake.", "das „Café“ in Zürich.": 'the "café" in Zürich.',
}  # fmt: skip
PAIRS = [
    (f"{subject} {verb} {thing}", f"{SUBJECTS[subject]} {VERBS[verb]} {OBJECTS[thing]}")
    for subject in SUBJECTS for verb in VERBS for thing in OBJECTS
]  # fmt: skip
SOURCE, TARGET = map(list, zip(*PAIRS, strict=True))
REFERENCES = [[text] for text in TARGET]
GOOD = [text.replace("tired", "weary").replace("looks for", "seeks") for text in TARGET]
CHINESE = ["一只狗在大声地叫。", "没有人知道答案是什么，真的。"] * 15


def told(hypotheses, references=REFERENCES, source=SOURCE, words=WORDS):
    return notes.of_references(references, words) + notes.of_system(source, hypotheses, references, words)


def with_first(lines, count, change):
    return [change(text) if row < count else text for row, text in enumerate(lines)]


@pytest.mark.parametrize("hypotheses", [GOOD, TARGET])
def test_good_text_has_no_note(hypotheses):
    assert told(hypotheses) == told(hypotheses, source=None) == told(hypotheses, words=None) == []


@pytest.mark.parametrize("reference", [TARGET[:5], CHINESE, ["Ça va ? Oui ! « Bien » : ça va ; merci."] * 30])
def test_a_reference_against_itself_has_no_note(reference):
    tokenize = "zh" if reference is CHINESE else "13a"
    words = metrics.words(metrics.Settings(tokenize=tokenize))
    assert told(reference, [[text] for text in reference], None, words) == []


def nfd(text):
    return unicodedata.normalize("NFD", text)


def apart(text):
    return text.replace(".", " .").replace(",", " ,")


FAULTS = [
    ("of 64 lines (the first: 1) have an empty hypothesis", with_first(GOOD, 3, lambda text: " "), REFERENCES),
    ("most hypotheses are alike: 1 different", ["The man sees the man."] * 64, REFERENCES),
    ("such as CYRILLIC instead of LATIN", with_first(GOOD, 9, lambda text: "Мужчина видит дом."), REFERENCES),
    ("such as LATIN instead of CJK", ["A dog barks."] * 3 + CHINESE[3:], [[text] for text in CHINESE]),
    ("look like the source language", SOURCE[:20] + GOOD[20:], REFERENCES),
    ("100% of the hypotheses have blanks before", [apart(text) for text in GOOD], REFERENCES),
    ("100% of the references have blanks before", GOOD, [[apart(text)] for text in TARGET]),
    ("hypotheses and references have blanks", [*map(apart, GOOD)], [[apart(text)] for text in TARGET]),
    ("the hypotheses hold HTML entities, such as &amp;", [text.replace("&", "&amp;") for text in GOOD], REFERENCES),
    ("the references hold HTML entities, such as &quot;", GOOD, [[text.replace('"', "&quot;")] for text in TARGET]),
    ("of the hypotheses are not in Unicode's form NFC", [*map(nfd, GOOD)], REFERENCES),
    ("of the references are not in Unicode's form NFC", GOOD, [[nfd(text)] for text in TARGET]),
    ("no 4 words in a row are as in", [" ".join(reversed(text.split())) for text in GOOD], REFERENCES),
    ("no reference has 4 words", ["a b c d"] * 3, [["a b c"], ["d"], ["e f"]]),
    ("of 64 lines (the first: 1) have blank references", GOOD, [[" "]] * 2 + REFERENCES[2:]),
]  # fmt: skip


@pytest.mark.parametrize(("message", "hypotheses", "references"), FAULTS)
def test_a_fault_has_its_note(message, hypotheses, references):
    source = SOURCE if len(references) == 64 else None
    found = told(hypotheses, references, source)
    assert sum(message in note for note in found) == 1 and len(found) <= 2, found
    assert all(":" in note for note in found), "it says what to do"


def test_a_few_lines_are_no_reason():
    mixed = with_first(GOOD, 3, apart)
    assert told(mixed) == [] and told(with_first(GOOD, 3, lambda text: "Éва видит дом.")) == []
    assert told(SOURCE[:10] + GOOD[10:]) == []
    shuffled = random.Random(1).sample(TARGET, len(TARGET))
    assert told(shuffled) == []


def test_copying_tasks_have_no_source_language():
    assert told(SOURCE, [[text] for text in SOURCE], SOURCE) == []
