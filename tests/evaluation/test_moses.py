"""Moses' form of text: a few lines by hand, and the official files of Multi30k where the corpus is."""

import builtins
import hashlib
import os
from importlib import import_module
from pathlib import Path

import pytest

from nmt.data.text import read_lines
from nmt.errors import NMTError
from nmt.evaluation import moses

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("NMT_MULTI30K", ROOT / "data" / "multi30k"))


@pytest.mark.parametrize(
    ("language", "raw", "tokenised"),
    [
        ("de", "Ein Mann, der „Hallo“ ruft.", "ein mann , der &quot; hallo &quot; ruft ."),
        ("de", "Zwei T-Shirts (rot)  kosten 3,50 Euro…", "zwei t-shirts ( rot ) kosten 3,50 euro ..."),
        ("de", "Das ist z.B. so, usw. und so fort", "das ist z.b. so , usw. und so fort"),
        ("en", "It’s the dog's & cat's.", "it &apos;s the dog &apos;s &amp; cat &apos;s ."),
        ("fr", "L'homme n'a rien.", "l&apos; homme n&apos; a rien ."),
        ("xx", "Ärger: 1 < 2", "ärger : 1 &lt; 2"),
        ("de", "", ""),
        ("de", " \u2028 ", ""),
    ],
)
def test_lower_cased_normalised_tokenised(language, raw, tokenised):
    assert moses.tokenise([raw], language) == [tokenised]


def test_a_line_stays_a_line():
    raw = ["a\u2028b", "c\x00d", "e\x85f", "", "g"]
    assert len(moses.tokenise(raw, "de")) == len(raw)
    assert all("\n" not in line for line in moses.tokenise(raw, "de"))


def test_the_signature_says_how():
    assert moses.signature("de", official=True).startswith("moses:lc.norm.tok-de|sacremoses:0.")
    assert moses.signature("de", official=False).startswith("moses:lc.norm.tok-de|references:made|sacremoses:0.")


def test_without_sacremoses_there_is_a_hint(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "sacremoses":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NMTError) as caught:
        moses.tokenise(["a"], "de")
    assert caught.value.hint == 'pip install "sacremoses>=0.1.1"'


def find(name: str) -> Path:
    """A file of Multi30k, packed or not."""
    for path in (FOLDER / name, FOLDER / f"{name}.gz"):
        if path.exists():
            return path
    pytest.skip(f"needs {FOLDER / name}: run scripts/data/multi30k.py, or set NMT_MULTI30K to the folder")


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("year", [2016, 2017])
def test_the_raw_references_of_multi30k_become_the_official_file(year, language, monkeypatch):
    """By the checksum that scripts/data/multi30k.py knows of it."""
    raw = read_lines(find(f"test_{year}_flickr.{language}"))
    monkeypatch.syspath_prepend(str(ROOT / "scripts" / "data"))
    official = import_module("multi30k").FILES[f"tok/test_{year}_flickr.lc.norm.tok.{language}"]
    made = "".join(f"{line}\n" for line in moses.tokenise(raw, language))
    assert hashlib.sha256(made.encode()).hexdigest() == official
