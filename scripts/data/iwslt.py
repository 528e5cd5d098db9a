"""IWSLT 2014 or 2017, German-English TED talks: data/iwslt14/ or data/iwslt17/ with train, dev and test.

    python scripts/data/iwslt.py --year 14

2014: the pairs of most papers. Training pairs of which a side has more than 175 tokens, as Moses counts them, or more
than 1.5 times as many as the other, are left out; every 23rd of the rest is development text; dev2010, dev2012 (TEDx)
and tst2010 to tst2012 are the test text. Papers lower-case and tokenise all of it. Here it stays as it was written: the
tokenizer can fold case (`nmt_nfkc_cf` as its normalisation), and `nmt eval --tokenized` does the rest.
2017: dev2010 is development text, tst2010 to tst2015 are the test text.
"""

import argparse
import html
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from common import ROOT, download, moses, run, write_pairs

from nmt.errors import DataError

LANGUAGES = ("de", "en")
HUGGING_FACE = "https://huggingface.co/datasets/IWSLT/iwslt2017/resolve/main/data/2017-01-trnted/texts/de/en/de-en.zip"
URLS = {"14": "https://dl.fbaipublicfiles.com/fairseq/data/iwslt14/de-en.tgz", "17": HUGGING_FACE}
_TEST_14 = ("TED.dev2010", "TEDX.dev2012", "TED.tst2010", "TED.tst2011", "TED.tst2012")
DEV = {"14": [], "17": ["IWSLT17.TED.dev2010.de-en.{}.xml"]}
TEST = {
    "14": [f"IWSLT14.{name}.de-en.{{}}.xml" for name in _TEST_14],
    "17": [f"IWSLT17.TED.tst{year}.de-en.{{}}.xml" for year in range(2010, 2016)],
}

MOST_TOKENS, MOST_RATIO = 175, 1.5
"""2014: of a side of a training pair, and between its sides."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--year", choices=["14", "17"], required=True, help="of the campaign")
    year = parser.parse_args().year
    folder = ROOT / f"iwslt{year}"
    url = URLS[year]
    files = dict(read(download(url, folder / url.rsplit("/", 1)[1])))
    train = pairs(files, "train.tags.de-en.{}", tagged_lines)
    dev, test = ([pair for name in names[year] for pair in pairs(files, name, segments)] for names in (DEV, TEST))
    if not dev:
        train, dev = divided(cleaned(train))
    write_pairs(folder, "train", LANGUAGES, train)
    write_pairs(folder, "dev", LANGUAGES, dev)
    write_pairs(folder, "test", LANGUAGES, test)


def read(archive: Path) -> Iterator[tuple[str, str]]:
    """The archive's texts by their names without folders."""
    try:
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as opened:
                for name in opened.namelist():
                    if not name.endswith("/"):
                        yield name.rsplit("/", 1)[-1], opened.read(name).decode("utf-8")
        else:
            with tarfile.open(archive) as opened:
                for member in opened:
                    if member.isfile():
                        yield member.name.rsplit("/", 1)[-1], opened.extractfile(member).read().decode("utf-8")
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise DataError(f"{archive}: is not the expected archive ({error})", hint="delete it and try again") from error


def pairs(files: dict[str, str], name: str, parse: Callable[[str], list[str]]) -> list[tuple[str, str]]:
    """Both sides of a text, sentence by sentence; `name` has a place for the language."""
    names = [name.format(language) for language in LANGUAGES]
    if missing := [each for each in names if each not in files]:
        raise DataError(f"the archive holds no {missing[0]}", hint="its layout has changed, or it is another archive")
    source, target = (parse(files[each]) for each in names)
    if len(source) != len(target):
        counts = f"{len(source)} sentences, but {len(target)} in {names[1]}"
        raise DataError(f"{names[0]}: {counts}", hint="delete the archive and try again")
    return [pair for pair in zip(source, target, strict=True) if all(pair)]


def cleaned(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs of which both sides have at most 175 tokens, and neither more than 1.5 times as many as the other."""
    rules = moses()
    tokenise = [rules.MosesTokenizer(language).tokenize for language in LANGUAGES]

    def fits(pair: tuple[str, str]) -> bool:
        fewer, more = sorted(len(each(side)) for each, side in zip(tokenise, pair, strict=True))
        return more <= MOST_TOKENS and more <= MOST_RATIO * fewer

    return list(filter(fits, pairs))


def divided(pairs: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Training text, and each 23rd pair, the 23rd first, as development text."""
    return [pair for number, pair in enumerate(pairs, start=1) if number % 23], pairs[22::23]


def tagged_lines(text: str) -> list[str]:
    """The training text: sentences, titles and descriptions, without the talks' other data."""
    lines = []
    for line in text.split("\n")[:-1]:
        told = re.fullmatch(r"\s*<(title|description)>(.*)</\1>\s*", line)
        if told or not line.lstrip().startswith("<"):
            lines.append((told[2] if told else line).strip())
    return lines


def segments(text: str) -> list[str]:
    """The sentences of a development or test text in XML."""
    return [html.unescape(found).strip() for found in re.findall(r"<seg\b[^>]*>(.*?)</seg>", text, flags=re.DOTALL)]


if __name__ == "__main__":
    run(main)
