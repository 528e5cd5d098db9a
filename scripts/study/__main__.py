"""The attention study: train the variants, each from several seeds, and write the tables about them.

    python scripts/study --seeds 1 2 3 --jobs 2               # all that docs/attention.md tells
    python scripts/study --only 'attention_rnn/*' --seeds 1   # some of it
    python scripts/study --report                             # the tables alone, from the runs that are finished

It can be stopped and called again: what is finished stays, and what was interrupted goes on. The report is written to
runs/attention/report.md.
"""

import argparse
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from threading import Event
from typing import TextIO

import findings
from kinds import Variant, variants

from nmt.errors import NMTError

ROOT = Path(__file__).resolve().parents[2]

stopped = Event()
"""A run was interrupted, or failed: the others that wait are not begun."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="one run of each variant a seed (default: 1)")
    parser.add_argument("--only", nargs="+", default=["*"], help="variants by name, such as 'attention_rnn/*'")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, of one thread each (default: 1)")
    parser.add_argument("--report", action="store_true", help="train nothing, report what is there")
    options = parser.parse_args()
    chosen = [each for each in variants() if any(fnmatch(f"{each.config}/{each.name}", name) for name in options.only)]
    if not chosen:
        parser.error(f"--only {' '.join(options.only)}: no variant has such a name (kinds.py has them all)")
    if not options.report:
        with ThreadPoolExecutor(options.jobs) as pool:
            # Seed by seed, so that whenever it is stopped all variants were trained about equally often.
            for _ in pool.map(lambda run: study(*run), [(each, seed) for seed in options.seeds for each in chosen]):
                pass
    print(findings.write(ROOT, options.seeds))


def study(variant: Variant, seed: int) -> None:
    """Train a variant from a seed to its end and measure it, unless that was done."""
    facts = findings.facts_path(ROOT, variant, seed)
    if facts.exists() or stopped.is_set():
        return
    arguments = ["train", *variant.arguments(seed), "--threads", "1", "--resume"]
    print(f"$ nmt {shlex.join(arguments)}", flush=True)
    facts.parent.mkdir(parents=True, exist_ok=True)
    with open(facts.with_suffix(".log"), "w", encoding="utf-8") as log:
        python("-m", "nmt", *arguments, log=log)
        python(str(Path(__file__).with_name("measure.py")), variant.run(seed), str(facts), log=log)


def python(*arguments: str, log: TextIO) -> None:
    """A process of its own with one thread; what it says is kept beside the run."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=log, stderr=log, env=environment)
    if done.returncode:
        stopped.set()
        raise NMTError(f"`{shlex.join(arguments)}` ended with code {done.returncode}", hint=f"see {log.name}")


if __name__ == "__main__":
    try:
        main()
    except NMTError as error:
        sys.exit(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
    except KeyboardInterrupt:
        sys.exit(130)
