"""Decoding: sentences a second of a test text, from lines to lines, all engines with the same weights; their BLEU."""

import json
import sys
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import report
import torch
from material import Text, write_text
from sacrebleu import corpus_bleu
from sizes import search_flops
from turns import Measured, System, chosen, interleave, limits_system, run_program

from nmt import config as settings
from nmt import runtime
from nmt.data.tokenizer import Tokenizer

BEAMS = {"greedy": 1, "beam 5": 5}
PEERS = {"transformers": ("float32", "bfloat16"), "joeynmt": ("float32",)}
"""Those that can hold our weights, and in what they compute."""
BASE = "ctranslate2 float32"


def measure(options: Namespace) -> tuple[str, dict[str, list[Measured]]]:
    """A table for greedy search and one for a beam of 5, and the turns behind them."""
    if not options.run.is_dir():
        return report.section("Decoding", f"Not measured: {options.run} is no run folder; train it, or give --run"), {}
    folder = options.work / "decoding"
    text = write_text(folder, options.run, settings.load(options.config), sentences=options.sentences)
    texts, turns = [], {}
    for name, beam in BEAMS.items():
        turns[name] = interleave(
            chosen(_systems(text, beam, options), options.system), repeats=options.repeats,
            take=lambda system: run_program(system, folder=folder, limit=options.limit),
        )  # fmt: skip
        texts.append(_table(name, beam, text, turns[name], options))
    return "\n\n".join(texts), turns


def _systems(text: Text, beam: int, options: Namespace) -> list[System]:
    job = {**text.job, "threads": options.threads, "device": options.device, "beam": beam, "batch": options.batch}
    systems = [
        limits_system(job, tiny=options.tiny),
        *(System(f"nmt {kind}", sys.executable, "nmt_decode.py", job | {"precision": kind}) for kind in ours(options)),
    ]
    if options.exported and find_spec("ctranslate2"):
        folder = str(options.exported.absolute())
        engine = job | {"precision": "float32", "run": folder, "exported": folder}
        systems.append(System("nmt with ctranslate2", sys.executable, "nmt_decode.py", engine))
    if options.exported and "ctranslate2" in options.peers:
        exported = job | {"exported": str(options.exported.absolute()), "adds_end": adds_end(options.exported)}
        systems += [_peer("ctranslate2", kind, exported, options) for kind in ("float32", "int8")]
    found = [(peer, kind) for peer, kinds in PEERS.items() if peer in options.peers for kind in kinds]
    return systems + [_peer(peer, kind, job, options) for peer, kind in found]


def ours(options: Namespace) -> tuple[str, ...]:
    """What our own engine is measured in: float32, and what it chooses by itself where that is not the same."""
    chosen = runtime.name_of(runtime.choose_precision("auto", torch.device(options.device)))
    return tuple(dict.fromkeys(("float32", chosen)))


def _peer(name: str, precision: str, job: dict[str, Any], options: Namespace) -> System:
    return System(f"{name} {precision}", options.peers[name], f"{name}_decode.py", job | {"precision": precision})


def adds_end(exported: Path) -> bool:
    """Whether CTranslate2 adds the source's end mark by itself."""
    return bool(json.loads((exported / "config.json").read_text(encoding="utf-8")).get("add_source_eos"))


def _table(name: str, beam: int, text: Text, measured: list[Measured], options: Namespace) -> str:
    limits, *others = measured
    tokenizer = Tokenizer.load(Path(text.job["tokenizer"]))
    base = next((each for each in others if each.system.name == BASE), None)
    rows = []
    for each in sorted((each for each in others if each.turns), key=lambda each: -each.rate):
        found = each.turns[-1]["translations"]
        flops = search_flops(
            text.sizes, text.job["vocabulary"], source=_mean_ids(tokenizer, text.lines),
            target=_mean_ids(tokenizer, found), beam=beam,
        )  # fmt: skip
        bleu = f"{corpus_bleu(found, [text.references]).score:.2f}"
        shown = report.rate(each, 1), report.ratio(each, base), report.share(each, limits, flops, "float32"), bleu
        rows.append([each.system.name, *shown])
    header = [name, "sentences/s (median, range)", f"x {BASE}", "of the float32 limit", "BLEU"]
    facts = f"{len(text.lines):,} sentences, the weights of `{options.run}`, batches of {options.batch} in the peers"
    missing = [peer for peer in (*PEERS, "ctranslate2") if peer not in options.peers]
    notes = [] if options.exported else ["- ctranslate2: needs --exported FOLDER"]
    return report.section(f"Decoding: {name}", facts, report.limits(limits), report.table(header, rows),
                          report.faults(measured, missing, notes))  # fmt: skip


def _mean_ids(tokenizer: Tokenizer, lines: list[str]) -> float:
    """End marks included."""
    return 1 + sum(map(len, tokenizer.encode(lines))) / len(lines)
