"""SentencePiece alone: each process has its lines in memory and encodes them; nothing is kept."""

import gzip
from itertools import chain
from multiprocessing import Barrier, Pool
from pathlib import Path
from time import perf_counter
from typing import Any

import harness
import sentencepiece


def meet(barrier: Any) -> None:
    """All processes begin to encode together."""
    global start
    start = barrier


def encode(share: tuple[dict[str, Any], int]) -> tuple[int, float]:
    """Every n-th pair, both sides: how many, and the seconds."""
    job, number = share
    pieces = sentencepiece.SentencePieceProcessor(model_file=job["tokenizer"])
    sides = [list(chain.from_iterable(map(lines, side)))[number :: job["threads"]] for side in job["texts"]]
    start.wait()
    begin = perf_counter()
    for side in sides:
        pieces.encode(side, out_type="numpy", num_threads=1)
    return len(sides[0]), perf_counter() - begin


def lines(path: str) -> list[str]:
    content = Path(path).read_bytes()
    return (gzip.decompress(content) if path.endswith(".gz") else content).decode("utf-8").split("\n")[:-1]


def main() -> None:
    job = harness.read_job()
    threads = job["threads"]
    with Pool(threads, meet, (Barrier(threads),)) as pool:
        found = pool.map(encode, [(job, number) for number in range(threads)], chunksize=1)
    pairs, seconds = sum(count for count, _ in found), max(seconds for _, seconds in found)
    harness.answer("sentencepiece", pairs=pairs, seconds=seconds, rate=pairs / seconds)


if __name__ == "__main__":
    main()
