"""Measure nmt beside other toolkits: the same data, sizes, number formats and cores, in turns.

    python scripts/benchmark --peer joeynmt=venvs/joeynmt/bin/python --exported runs/multi30k/transformer/ctranslate2

Prints Markdown tables for docs/performance.md, which says how to install the peers.
"""

import json
import sys
from argparse import Namespace
from datetime import date

import decoding
import preparing
import report
import starting
import training
from options import parse

from nmt import files
from nmt.errors import NMTError

MEASURE = {"train": training.measure, "decode": decoding.measure, "start": starting.measure,
           "prepare": preparing.measure}  # fmt: skip


def main() -> None:
    options = parse(sys.argv[1:])
    facts = {"date": date.today().isoformat(), "command": report.command(),
             "machine": report.machine(options.device, options.threads)}  # fmt: skip
    turns = {}
    for part in options.only:
        text, found = MEASURE[part](options)
        print(f"{text}\n", flush=True)
        turns |= found
        keep(options, facts, turns)
    measured = [each for part in turns.values() for each in part]
    print(report.section("Conditions", *(f"{name}: {value}" for name, value in facts.items()),
                         f"versions: {report.versions(measured)}"))  # fmt: skip


def keep(options: Namespace, facts: dict, turns: dict) -> None:
    """Every figure so far, where it is wanted; translations would only fill the file."""
    if options.json is None:
        return
    figures = {
        part: {
            each.system.name: {
                "fault": each.fault,
                "turns": [{key: turn[key] for key in turn if key != "translations"} for turn in each.turns],
            }
            for each in measured
        }
        for part, measured in turns.items()
    }  # fmt: skip
    files.write_text(options.json, json.dumps({**facts, "figures": figures}, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except NMTError as error:
        sys.exit(f"error: {error}" + (f"\nhint: {error.hint}" if error.hint else ""))
    except KeyboardInterrupt:
        sys.exit(130)
