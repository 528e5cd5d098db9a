"""A test set of WMT (or another that sacreBLEU knows), as data/wmt14/test.de-en.de and test.de-en.en.

    python scripts/data/wmt.py --set wmt14 --pair de-en

`sacrebleu --list` names the sets. sacreBLEU downloads them and knows their checksums.
"""

import argparse
import os
import subprocess
import sys

from common import ROOT, run, write_lines

from nmt.errors import DataError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="wmt14", help="the test set (default: wmt14)")
    parser.add_argument("--pair", default="de-en", help="source and target language (default: de-en)")
    options = parser.parse_args()
    languages = options.pair.split("-")
    if len(languages) != 2:
        parser.error(f"--pair {options.pair}: two languages with a hyphen between are expected, such as de-en")
    source, reference = (echo(options.set, options.pair, side) for side in ("src", "ref"))
    if len(source) != len(reference):
        counts = f"{len(source):,} lines, and {len(reference):,} of the reference"
        raise DataError(f"{options.set}: {counts}", hint="line n of one translates line n of the other")
    for lines, language in zip((source, reference), languages, strict=True):
        path = ROOT / options.set / f"test.{options.pair}.{language}"
        write_lines(path, lines)
        print(f"{path}: {len(lines):,} lines")


def echo(test_set: str, pair: str, side: str) -> list[str]:
    """One side of a test set, line by line."""
    command = [sys.executable, "-m", "sacrebleu", "-t", test_set, "-l", pair, "--echo", side]
    environment = dict(os.environ, PYTHONUTF8="1")
    done = subprocess.run(command, env=environment, capture_output=True)
    if done.returncode or not done.stdout:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it ended without a word"]
        raise DataError(f"sacreBLEU: {told[-1]}", hint=" ".join(command[1:]))
    text = done.stdout.decode("utf-8").replace(os.linesep, "\n")  # a carriage return alone ends no line
    return text.removesuffix("\n").split("\n")


if __name__ == "__main__":
    run(main)
