"""Preparing text: pairs a second that our preparing encodes, beside SentencePiece alone in as many processes."""

import sys
from argparse import Namespace
from pathlib import Path

import report
from turns import Measured, System, interleave, run_program

from nmt import config as settings
from nmt import files
from nmt.config import Config
from nmt.data.prepare import prepare

BASE = "SentencePiece alone"


def measure(options: Namespace) -> tuple[str, dict[str, list[Measured]]]:
    """The table and the turns behind it."""
    folder = options.work / "preparing"
    config = _config(options)
    print("preparing once, for the tokenizer", file=sys.stderr, flush=True)
    path = folder / "config.yaml"
    files.write_text(path, settings.dump(config))
    prepared = prepare(config, workers=None)
    job = {
        "threads": options.threads, "config": str(path), "tokenizer": str(prepared.folder / "source.model"),
        "texts": [[str(each) for each in side] for side in (config.data.train.source, config.data.train.target)],
    }  # fmt: skip
    measured = interleave(
        [System("nmt", sys.executable, "nmt_prepare.py", job),
         System(BASE, sys.executable, "sentencepiece_encode.py", job)],
        repeats=options.repeats, take=lambda system: run_program(system, folder=folder, limit=options.limit),
    )  # fmt: skip
    header = ["preparing", "pairs/s encoded (median, range)", f"x {BASE}"]
    rows = [[each.system.name, report.rate(each), report.ratio(each, measured[1])] for each in measured if each.turns]
    return report.section("Preparing", _facts(config, measured[0]), report.table(header, rows),
                          report.faults(measured, [])), {"prepare": measured}  # fmt: skip


def _config(options: Namespace) -> Config:
    """The data of the config, or the text that was given instead of its training text."""
    described = settings.load(options.config).model_dump(mode="json")
    described["run"] = str(options.work / "preparing" / "run")
    described["data"]["cache"] = str(options.work / "prepared")
    if options.text:
        described["data"]["train"] = dict(zip(("source", "target"), map(str, options.text), strict=True))
    return settings.check(Config, described, name="benchmark", folder=Path.cwd())


def _facts(config: Config, ours: Measured) -> str:
    names = ", ".join(each.name for each in (*config.data.train.source, *config.data.train.target))
    if not ours.turns:
        return names
    stages = ", ".join(f"{stage} {seconds:,.1f} s" for stage, seconds in ours.turns[-1]["stages"].items())
    return f"{names}: {ours.turns[-1]['pairs']:,} pairs; the last of our turns by stage: {stages}"
