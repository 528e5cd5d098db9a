"""What the command line says."""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from sizes import MODELS

from nmt.workers import count_cores

CONFIG, RUN = Path("configs/multi30k/transformer.yaml"), Path("runs/multi30k/transformer")
PARTS = ("train", "decode", "start", "prepare")
PEERS = {"ctranslate2": "ctranslate2", "transformers": "transformers", "joeynmt": "joeynmt", "opennmt": "onmt"}
"""Name -> the package that it is."""


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmark", description="Measure nmt beside other toolkits.")
    add = parser.add_argument
    add("--only", action="append", choices=PARTS, help="a part to measure; repeatable (default: all)")
    add("--peer", action="append", default=[], metavar="NAME=PYTHON",
        help=f"a peer ({', '.join(PEERS)}) and its Python; those in this environment are found")  # fmt: skip
    add("--model", action="append", choices=MODELS, help="what is trained; repeatable")
    add("--tiny", action="store_true", help="models of 16 units, to try the benchmark itself")
    add("--config", type=Path, default=CONFIG, help="whose data is used (default: %(default)s)")
    add("--run", type=Path, default=RUN, help="a trained Transformer, to decode (default: %(default)s)")
    add("--exported", type=Path, help="the same model as `nmt export --to ctranslate2` wrote it")
    add("--text", type=Path, nargs=2, metavar=("SOURCE", "TARGET"), help="what is prepared (default: the config's)")
    add("--system", action="append", help="of train and decode, only this one, such as 'nmt float32'; repeatable")
    add("--device", default="cpu", choices=("cpu", "cuda"))
    add("--threads", type=int, default=count_cores(), help="for each system (default: all cores, %(default)s)")
    add("--repeats", type=int, default=5, help="turns a system (default: %(default)s)")
    add("--seconds", type=float, default=20.0, help="a turn of training is timed for (default: %(default)s)")
    add("--warmup", type=int, help="updates before that (default: 3, on CUDA 30)")
    add("--batch-tokens", type=int, default=4500, help="of nmt's batches; 4,500 hold 4,096 real tokens (Multi30k)")
    add("--batch", type=int, default=64, help="sentences a batch in decoding, for the peers (default: %(default)s)")
    add("--sentences", type=int, help="of the test text to decode (default: all)")
    add("--limit", type=float, default=1800.0, help="seconds after which a turn is given up (default: %(default)s)")
    add("--work", type=Path, default=Path("runs/benchmark"), help="folder for intermediate files")
    add("--json", type=Path, help="write every figure of every turn to this file")
    options = parser.parse_args(arguments)
    options.only = options.only or list(PARTS)
    options.warmup = options.warmup or (30 if options.device == "cuda" else 3)
    options.peers = _peers(parser, options.peer)
    options.work = options.work.absolute()
    return options


def _peers(parser: argparse.ArgumentParser, given: list[str]) -> dict[str, str]:
    """Name -> Python, of the peers that can be measured."""
    found = {name: sys.executable for name, package in PEERS.items() if find_spec(package)}
    for text in given:
        name, _, python = text.partition("=")
        if name not in PEERS or not Path(python).exists():
            parser.error(f"--peer {text}: NAME=PYTHON with one of {', '.join(PEERS)} and a Python that exists")
        found[name] = str(Path(python).absolute())
    return found
