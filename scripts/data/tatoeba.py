"""Tatoeba by way of manythings.org/anki: everyday sentences with English, as data/tatoeba/deu-eng.tsv.gz.

    python scripts/data/tatoeba.py --language fra

The site's archive grows with time, so that two downloads differ; the file's columns are English, the other language
and the sentences' attribution.
"""

import argparse
import zipfile
import zlib
from pathlib import Path

from common import ROOT, download, run, write_lines

from nmt.errors import DataError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--language", default="deu", help="three letters, as in the archive's name (default: deu)")
    language = parser.parse_args().language
    folder = ROOT / "tatoeba"
    name = f"{language}-eng.zip"
    archive = download(f"https://www.manythings.org/anki/{name}", folder / name)
    lines = read(archive, language)
    write_lines(folder / f"{language}-eng.tsv.gz", lines)
    print(f"{folder / f'{language}-eng.tsv.gz'}: {len(lines):,} pairs")
    print(f"in a config:\n{config(language)}")


def read(archive: Path, language: str) -> list[str]:
    """The lines of the one text in the archive that holds sentences."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return opened.read(f"{language}.txt").decode("utf-8").rstrip("\n").split("\n")
    except (zipfile.BadZipFile, zlib.error, KeyError) as error:
        raise DataError(f"{archive}: is not the expected archive ({error})", hint="delete it and try again") from error


def config(language: str) -> str:
    """The section that translates into English and draws development and test text from the file."""
    return f"""data:
  source_language: {language}
  target_language: eng
  train: {{tsv: data/tatoeba/{language}-eng.tsv.gz, columns: [2, 1]}}
  dev: {{held_out: 2000}}
  test: {{held_out: 2000}}"""


if __name__ == "__main__":
    run(main)
