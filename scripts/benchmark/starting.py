"""Start-up: how long a command takes that does next to nothing."""

import json
import subprocess
import sys
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import report
from decoding import adds_end
from material import write_text
from turns import PROGRAMS, Failed, Measured, System, environment, interleave

from nmt import config as settings
from nmt import files

BASE = "import torch"


def measure(options: Namespace) -> tuple[str, dict[str, list[Measured]]]:
    """The table and the turns behind it. The first turn of each, which finds nothing in the file cache, is left out."""
    folder = options.work / "starting"
    systems = _systems(folder, options)
    interleave(systems, repeats=1, take=_take)
    measured = interleave(systems, repeats=options.repeats, take=_take)
    base = next(each for each in measured if each.system.name == BASE)
    rows = [
        [each.system.name, report.rate(each, 2), report.ratio(each, base), f"{each.rate - base.rate:+.2f}"]
        for each in measured
        if each.turns
    ]
    header = ["start-up", "seconds (median, range)", f"x {BASE}", f"seconds beyond {BASE}"]
    notes = [] if options.run.is_dir() else [f"- one sentence: {options.run} is no run folder"]
    text = report.section("Start-up", report.table(header, rows), report.faults(measured, [], notes))
    return text, {"start": measured}


def _systems(folder: Path, options: Namespace) -> list[System]:
    def command(name: str, *arguments: str, python: str = sys.executable, line: str = "") -> System:
        return System(name, python, "", {"arguments": arguments, "line": line, "threads": options.threads})

    systems = [command(BASE, "-c", "import torch"), command("nmt --help", "-m", "nmt", "--help")]
    if not options.run.is_dir():
        return systems
    text = write_text(folder, options.run, settings.load(options.config), sentences=1)
    line = f"{text.lines[0]}\n"
    translate = ["-m", "nmt", "translate", "--device", options.device, "--threads", str(options.threads), "--model"]
    systems.append(command("nmt, one sentence", *translate, text.job["run"], line=line))
    if options.exported:
        exported = str(options.exported.absolute())
        if find_spec("ctranslate2"):
            systems.append(command("nmt with ctranslate2, one sentence", *translate, exported, line=line))
        if "ctranslate2" in options.peers:
            job = folder / "ctranslate2.json"
            files.write_text(job, json.dumps(text.job | {
                "exported": exported, "adds_end": adds_end(options.exported), "precision": "float32", "beam": 5,
                "batch": 1, "threads": options.threads, "device": options.device,
            }))  # fmt: skip
            program = str(PROGRAMS / "ctranslate2_decode.py")
            systems.append(
                command("ctranslate2 alone, one sentence", program, str(job), python=options.peers["ctranslate2"])
            )
    return systems


def _take(system: System) -> dict[str, Any]:
    """One turn: the whole life of the process."""
    begin = perf_counter()
    done = subprocess.run(
        [system.python, *system.job["arguments"]], input=system.job["line"], capture_output=True, encoding="utf-8",
        env=environment(system.python, system.job["threads"]),
    )  # fmt: skip
    seconds = perf_counter() - begin
    if done.returncode:
        raise Failed((done.stderr.strip() or "no message").splitlines()[-1])
    return {"rate": seconds}
