"""What the programs of all systems share: a job comes as a JSON file, what was measured goes out as a line of JSON.

Standard library and numpy alone: each program runs in its system's own environment, none of which has the others.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

PAD, BOS, EOS, UNK = range(4)
"""The ids that all systems see."""

# B rows, S source ids, T target ids


class Update(NamedTuple):
    """What one update of the weights learns from; int64, padded on the right with PAD."""

    src: np.ndarray  # [B, S] pieces + EOS
    tgt_in: np.ndarray  # [B, T] BOS + pieces
    tgt_out: np.ndarray  # [B, T] pieces + EOS

    @property
    def tokens(self) -> int:
        """Target tokens: end marks count, padding does not."""
        return int((self.tgt_out != PAD).sum())


def read_job() -> dict[str, Any]:
    """The job whose file the command line names."""
    return json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))


def answer(package: str, **measured: Any) -> None:
    """Hand in what was measured, with the version of the package that was measured."""
    print(json.dumps({**measured, "version": f"{package} {version(package)}"}), flush=True)


def updates(path: str) -> Iterator[Update]:
    """The updates of a file, over and over."""
    with np.load(path) as arrays:
        found = [Update(*(arrays[f"{number}.{side}"] for side in Update._fields)) for number in range(arrays["count"])]
    while True:
        yield from found


def measure_training(
    job: dict[str, Any], package: str, update: Callable[[Update], Any], *, wait: Callable[[], None] = lambda: None
) -> None:
    """Time `update`, which returns its loss, for the seconds of the job, after a warm-up. `wait` is for the device."""
    with closing(updates(job["updates"])) as rows:
        for each in islice(rows, job["warmup"]):
            loss = float(update(each))
        wait()
        tokens = count = 0
        begin = perf_counter()
        while perf_counter() - begin < job["seconds"]:
            each = next(rows)
            loss = update(each)
            tokens, count = tokens + each.tokens, count + 1
        wait()
        seconds = perf_counter() - begin
    answer(package, tokens=tokens, updates=count, seconds=seconds, rate=tokens / seconds, loss=float(loss))


def measure_decoding(
    job: dict[str, Any], package: str, translate: Callable[[list[str]], Sequence[str]], **facts: Any
) -> None:
    """Time `translate`, lines to lines, on the text of the job: after a warm-up, or cold when it is one line."""
    lines = Path(job["source"]).read_text(encoding="utf-8").split("\n")[:-1]
    if len(lines) > 1:
        translate(lines[: job["batch"]])
    begin = perf_counter()
    found = list(translate(lines))
    seconds = perf_counter() - begin
    answer(package, seconds=seconds, rate=len(lines) / seconds, translations=found, **facts)


def need_float32(exported: str) -> None:
    """Raises SystemExit unless these are the numbers that an exported model holds: others would not be our weights."""
    if exported != "float32":
        raise SystemExit(f"--exported holds {exported} weights, and not float32 ones")


def sorted_batches(rows: Sequence[Sequence[Any]], size: int) -> Iterator[list[int]]:
    """Places of the rows, longest first, `size` at a time: for systems that do not sort by themselves."""
    order = sorted(range(len(rows)), key=lambda place: -len(rows[place]))
    for begin in range(0, len(order), size):
        yield order[begin : begin + size]
