"""What kinds of attention cost the Transformer, whatever they learn: untrained models, fixed lengths, in turns.

    python scripts/study/cost.py

Prints two tables: sentences a second of CPU time that each kind of decoder translates, and what each kind of encoder
takes, forward and backward, for the same number of positions in longer and longer sentences. One thread; CPU time, so
that other programs disturb little; medians.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import torch

from nmt import runtime
from nmt.config import SearchConfig
from nmt.config.model import TransformerConfig
from nmt.decoding.search import beam_search
from nmt.models import build
from nmt.models.base import Seq2Seq

VOCABULARY = 8000
DECODERS = {
    "full": {}, "multi-query": {"key_value_heads": 1}, "local": {"decoder_attention": "local"},
    "linear": {"decoder_attention": "linear"}, "average": {"decoder_attention": "average"},
    "ssru": {"decoder_attention": "ssru"}, "relative positions": {"positions": "relative"},
    "additive score": {"score": "additive"}, "sparsemax": {"weighting": "sparsemax"},
}  # fmt: skip
SEARCHES = ((1, 14, 64), (5, 14, 16), (5, 100, 8))
"""Beam, pieces of source and translation, sentences at once."""
ENCODERS = ("full", "local", "linear")
LENGTHS, POSITIONS, WINDOW = (128, 512, 2048), 4096, 64
TURNS = 4


def main() -> None:
    torch.set_num_threads(1)
    print("| decoder | " + " | ".join(f"beam {beam}, {length} pieces" for beam, length, _ in SEARCHES) + " |")
    print("|---|" + "--:|" * len(SEARCHES))
    models = {name: model(**settings).bfloat16().eval() for name, settings in DECODERS.items()}
    columns = [decode(models, *search) for search in SEARCHES]
    for name in models:
        print(f"| {name} | " + " | ".join(f"{column[name]:.1f}" for column in columns) + " |")
    print(f"\n| encoder | {' | '.join(f'{length}: s | MB' for length in LENGTHS)} |\n|---|" + "--:|--:|" * len(LENGTHS))
    for kind in ENCODERS:
        # A process of its own for each: the most memory that a process has had never falls.
        command = [sys.executable, __file__, "--encode", kind]
        told = {"check": True, "capture_output": True, "encoding": "utf-8"}
        cells = [subprocess.run([*command, str(length)], **told).stdout.strip() for length in LENGTHS]
        print(f"| {kind} | {' | '.join(cells)} |", flush=True)


def model(**settings) -> Seq2Seq:
    """An untrained Transformer of the usual size."""
    torch.manual_seed(1)
    return build(TransformerConfig(type="transformer", **settings), VOCABULARY, VOCABULARY)


def decode(models: dict[str, Seq2Seq], beam: int, length: int, rows: int) -> dict[str, float]:
    """Sentences a second of CPU time."""
    source = torch.randint(4, VOCABULARY, (rows, length))
    search = SearchConfig(beam=beam, max_length=length, min_length=length)
    times = {name: [] for name in models}
    for _ in range(TURNS):
        for name, each in models.items():
            times[name].append(seconds(lambda each=each: beam_search(each, source, search)))
    return {name: rows / median(each[1:]) for name, each in times.items()}  # the first compiles kernels


def encode(kind: str, length: int) -> None:
    """Print the seconds of an encoder's forward and backward pass over POSITIONS, and its memory above the model's."""
    encoder = model(encoder_attention=kind, max_length=POSITIONS, window=WINDOW)
    source = torch.randint(4, VOCABULARY, (POSITIONS // length, length))
    before = runtime.peak_memory()
    # What encode makes for the decoder, its keys and values, is the same for all kinds.
    times = [seconds(lambda: encoder.encode(source).layers[-1].keys.sum().backward()) for _ in range(TURNS)]
    print(f"{median(times[1:]):.2f} | {(runtime.peak_memory() - before) / 1e6:,.0f}")


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encode", nargs=2, metavar=("KIND", "LENGTH"), help="measure this encoder alone")
    chosen = parser.parse_args().encode
    encode(chosen[0], int(chosen[1])) if chosen else main()
