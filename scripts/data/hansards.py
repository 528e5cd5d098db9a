"""Parallel text in the form of the Hansards' gold alignments (Och and Ney 2000), so that a model sees the gold's words.

    python scripts/data/hansards.py train.en.gz train.fr.gz data/hansards/train

The gold's English is tokenised; its French also has elisions and contractions written out ("l'accord" is "le accord",
"du" is "de le"), and both have hyphens apart. Writes OUT.en.gz and OUT.fr.gz, line by line.
"""

import argparse
import re
from itertools import product
from pathlib import Path

from common import moses, run, write_lines

from nmt.data.text import read_lines
from nmt.errors import DataError

_ELISION = re.compile(r"\b([cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu)' ", re.IGNORECASE)
_CONTRACTIONS = {"du": "de le", "des": "de les", "au": "à le", "aux": "à les"}
_CONTRACTION = re.compile(rf"\b({'|'.join(_CONTRACTIONS)})\b")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("english", type=Path)
    parser.add_argument("french", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    sides = (("en", options.english, tokenised), ("fr", options.french, written_out))
    places = [Path(f"{options.out}.{language}.gz") for language, *_ in sides]
    for place, (_, path, _) in product(places, sides):
        if place.exists() and path.exists() and place.samefile(path):
            raise DataError(f"{place}: is both input and output", hint="name another OUT")
    for place, (language, path, form) in zip(places, sides, strict=True):
        tokenise = tokens_of(language)
        write_lines(place, (form(tokenise(line)) for line in read_lines(path)))


def tokens_of(language: str):
    """A function from a line to its tokens, apart by blanks, hyphens apart."""
    rules = moses()
    normalise, tokenizer = rules.MosesPunctNormalizer(language).normalize, rules.MosesTokenizer(language)

    def tokenise(line: str) -> str:
        return tokenizer.tokenize(normalise(line), return_str=True, escape=False, aggressive_dash_splits=True)

    return tokenise


def tokenised(line: str) -> str:
    """Moses' tokens without its marks around hyphens."""
    return line.replace("@-@", "-")


def written_out(line: str) -> str:
    """French with every elided vowel and every contraction of a preposition and an article written out, but for
    contractions with a capital: the gold's sentences begin with small letters."""
    line = _ELISION.sub(lambda found: f"{found[1]}e ", tokenised(line))
    return _CONTRACTION.sub(lambda found: _CONTRACTIONS[found[1]], line)


if __name__ == "__main__":
    run(main)
