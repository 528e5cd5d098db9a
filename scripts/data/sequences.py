"""Sequences to copy or to repeat, as text: data/copy/ with train, dev, test and tests of greater lengths.

    python scripts/data/sequences.py --task copy

The tasks of Graves 2014 (4.1, 4.2), in letters with blanks between:

    copy      b f a     ->  b f a
    repeat    3 b f a   ->  b f a b f a b f a

Symbols are drawn evenly. In train, dev and test, length n from 1 to --longest is drawn in proportion to 1/n, so that
each length has as many symbols and as many batches as another: a memory is learned from short sequences. Each --beyond
adds a test of that one length: test-40.
"""

import argparse
import random
import string
from collections.abc import Callable
from typing import NamedTuple

from common import ROOT, run, write_pairs

Pair = tuple[str, str]
SIDES = ("in", "out")


class Task(NamedTuple):
    """What becomes of a sequence, and which lengths are worth it."""

    pair: Callable[[list[str], random.Random], Pair]
    longest: int
    beyond: list[int]


def copy(symbols: list[str], _draw: random.Random) -> Pair:
    return " ".join(symbols), " ".join(symbols)


def repeat(symbols: list[str], draw: random.Random) -> Pair:
    times = draw.randint(1, 5)
    return " ".join([str(times), *symbols]), " ".join(symbols * times)


TASKS = {
    "copy": Task(copy, 20, [30, 40, 60, 120]),
    "repeat": Task(repeat, 8, [10, 12, 16, 24]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--task", choices=TASKS, default="copy", help="what becomes of a sequence (default: copy)")
    add("--pairs", type=int, default=100_000, help="training pairs (default: 100,000)")
    add("--longest", type=int, help="greatest length to train on (default: 20, and 8 with repeat)")
    add("--beyond", type=int, action="append", help="length of another test; repeatable (default: up to 120 or 24)")
    add("--symbols", type=int, default=8, help="letters that are drawn from (default: 8)")
    add("--seed", type=int, default=1, help="of the draws (default: 1)")
    options = parser.parse_args()
    task, draw = TASKS[options.task], random.Random(options.seed)
    longest = task.longest if options.longest is None else options.longest
    beyond, folder = task.beyond if options.beyond is None else options.beyond, ROOT / options.task
    if min(longest, options.pairs, *beyond) < 1:
        parser.error("--longest, --beyond and --pairs are at least 1")
    if not 1 <= options.symbols <= len(string.ascii_lowercase):
        parser.error(f"--symbols {options.symbols}: there are 1 to {len(string.ascii_lowercase)} letters")

    def write(split: str, count: int, shortest: int, longest: int) -> None:
        possible = range(shortest, longest + 1)
        lengths = draw.choices(possible, [1 / length for length in possible], k=count)
        letters = string.ascii_lowercase[: options.symbols]
        write_pairs(folder, split, SIDES, [task.pair(draw.choices(letters, k=length), draw) for length in lengths])

    for split, count in (("train", options.pairs), ("dev", 500), ("test", 500)):
        write(split, count, 1, longest)
    for length in (longest, *beyond):
        write(f"test-{length}", 200, length, length)
    print(f"next: nmt train --config configs/{options.task}/ntm.yaml")


if __name__ == "__main__":
    run(main)
