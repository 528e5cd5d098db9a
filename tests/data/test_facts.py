"""What looks wrong in a text is recognised, and a good text gives no warning."""

import sys
from types import ModuleType

import pytest
from toy_text import sentences

from nmt.config import ParallelText
from nmt.data import facts
from nmt.data.cleaning import heavy
from nmt.data.peek import Peek
from nmt.data.scripts import script, scripts_of

TEXT = ParallelText(source="a", target="b")
GOOD = [(f"Das ist Satz {n}, nicht wahr.", f"This is sentence {n}, is it not.") for n in range(40)]
RUSSIAN = [(f"Это предложение номер {n}, да.", f"This is sentence {n}, yes.") for n in range(40)]
CHINESE = [(f"这是第{n}句话。", f"これは{n}番目の文です。") for n in range(40)]


def test_good_texts_give_no_warning():
    assert facts.warnings(GOOD, ("de", "en"), TEXT) == []
    assert facts.warnings(RUSSIAN, ("ru", "en"), TEXT) == []
    assert facts.warnings(CHINESE, ("zh", "ja"), TEXT) == []
    assert facts.warnings([(source, source) for source, _ in CHINESE], ("zh-CN", "x-unknown"), TEXT) == []
    assert facts.warnings(GOOD[:10], ("de", "ru"), TEXT) == facts.warnings([], ("de", "en"), TEXT) == []
    french = [("Vraiment ? Oui !", f"Really? Yes, {n}.") for n in range(40)]
    assert facts.warnings(french, ("fr", "en"), TEXT) == []


@pytest.mark.parametrize(
    ("pairs", "languages", "told"),
    [
        ([(s, t.replace(",", " ,").replace(".", " .")) for s, t in GOOD], ("de", "en"), "target text (en) is token"),
        ([(s.lower(), t) for s, t in GOOD], ("de", "en"), "the source text (de) is lower-cased"),
        ([(s, t.lower()) for s, t in GOOD], ("de", "en"), "write no capitals"),
        (RUSSIAN, ("en", "ru"), "source and target look swapped: the source text is mostly in Cyrillic script, not en"),
        (RUSSIAN, ("ru", "uk"), "the target text is mostly in Latin script; expected uk"),
        (GOOD, ("ru", "en"), "the source text is mostly in Latin script; expected ru"),
    ],
)
def test_what_looks_wrong(pairs, languages, told):
    (found,) = facts.warnings(pairs, languages, TEXT)
    assert told in found


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ({"source": "a.en", "target": "a.de.gz"}, True), ({"source": "a.de", "target": "a.en"}, False),
        ({"tsv": "x.en-de.tsv"}, True), ({"tsv": "x.en-de.tsv", "columns": (2, 1)}, False),
        ({"source": "a.en", "target": "a.txt"}, False),
    ],
)  # fmt: skip
def test_names_of_swapped_files(text, swapped):
    found = facts.warnings(GOOD, ("de", "en"), ParallelText(**text))
    assert [("swapped" in each) for each in found] == [True] * swapped


SWAPPED = 'source and target look swapped: the source text is mostly in the language "de", not en'


def identify(line):
    return "de" if "Satz" in line else "en" if "sentence" in line else None


@pytest.mark.parametrize(
    ("pairs", "languages", "told"),
    [
        (GOOD, ("de", "en"), []),
        (GOOD, ("en", "de"), [SWAPPED]),
        (GOOD, ("fr", "en"), ['the source text is mostly in the language "de"; expected fr']),
    ],
)
def test_identified_languages(monkeypatch, pairs, languages, told):
    monkeypatch.setattr(facts, "identifier", lambda: identify)
    assert facts.warnings(pairs, languages, TEXT) == told


def test_the_package_that_identifies_languages_is_used_if_it_is_there(monkeypatch):
    from nmt.data import languages
    from nmt.errors import DataError

    monkeypatch.setitem(sys.modules, "py3langid", None)
    assert languages.identifier() is None
    with pytest.raises(DataError, match="needs the package py3langid"):
        languages.identifier(needed=True)

    class Identifier:
        @classmethod
        def from_model_file(cls, path, norm_probs):
            assert (path, norm_probs) == ("model", True)
            return cls()

        def classify(self, line):
            return ("nb", 0.95) if "norsk" in line else ("en", 0.5)

    package, module = ModuleType("py3langid"), ModuleType("py3langid.langid")
    module.LanguageIdentifier, module.MODEL_FILE = Identifier, "model"
    monkeypatch.setitem(sys.modules, "py3langid", package)
    monkeypatch.setitem(sys.modules, "py3langid.langid", module)
    languages._of.cache_clear()
    found = languages.identifier(needed=True)
    assert [found("dette er en norsk setning av god lengde"), found("norsk"), found("x" * 40)] == ["no", None, None]
    languages._of.cache_clear()


def test_scripts():
    assert script("Привет, world") == "CYRILLIC" and script("12 :: 34") is None
    assert scripts_of("sr-Latn") == {"CYRILLIC", "LATIN"} and scripts_of("tlh") == set()


def test_a_filter_that_takes_many_pairs_gets_a_warning():
    (found,) = heavy({"duplicate": 50, "uneven": 51, "held out": 500}, 1000)
    assert found.startswith("uneven: 51 of 1,000 pairs (5.1%) were dropped") and "max_deviation" in found


@pytest.mark.parametrize("count", [3, 2000, 2001, 9000])
def test_a_peek_is_even(count):
    peek = Peek()
    assert list(peek.through(iter(range(count)))) == list(range(count))
    step = peek.items[1] - peek.items[0]
    assert peek.items == list(range(0, count, step)) and (step == 1 or 1000 <= len(peek.items) <= 2000)


def test_toy_text_is_lower_cased():
    assert all("lower-cased" in each for each in facts.warnings(sentences(40), ("de", "en"), TEXT))
