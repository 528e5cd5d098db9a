"""Tune training settings: train models of each family on each corpus with each combination of settings, and compare.

    python scripts/tuning --corpus data/multi30k:en-de                            # the settings of `nmt init`
    python scripts/tuning --corpus data/multi30k:en-de --pairs 1000 5000 --model gru --grid lr=1e-3,3e-3 passes=10,20
    python scripts/tuning --corpus data/quickstart --plan plan.yaml --minutes 10 --jobs 2
    python scripts/tuning --report                                                # only write the table again

A corpus is a folder with the files train*, dev* (or val*), or a TSV file; :en-de names the direction. Without a dev
text some pairs are held out. Settings that are not in the grid are those of `nmt init` (nmt/data/sizes.py). The script
can be stopped and called again: finished trainings are kept, an interrupted one continues, and so does one that was
stopped by --minutes if --minutes is larger now.

Results in --output: results.jsonl (one training per line, with the development scores of each evaluation), report.md.
"""

import argparse
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import corpora
import report
import trials
from grid import combinations, read_plan

from nmt.data import sizes
from nmt.errors import NMTError


def main() -> None:
    options = parse(sys.argv[1:])
    output = options.output.absolute()
    results = trials.Results(output / "results.jsonl")
    if not options.report:
        prepared = [
            corpora.prepare(text, pairs, output / "corpora") for text in options.corpus for pairs in options.pairs
        ]
        planned = [
            trials.plan(corpus, family, settings, seed, output)
            for seed in options.seeds for corpus in prepared for family in options.model
            for settings in combinations(options.plan.get(family, []), options.grid)
        ]  # fmt: skip
        waiting = results.missing(planned, options.minutes)
        print(f"{len(planned)} trainings, {len(waiting)} of them not finished yet", flush=True)
        if options.list:
            print("\n".join(trial.title for trial in waiting))
            return
        train(waiting, trials.Runner(results, minutes=options.minutes, threads=options.threads, keep=options.keep),
              jobs=options.jobs)  # fmt: skip
    print(report.write(results.read(), output / "report.md"))


def train(waiting: list[trials.Trial], run: trials.Runner, *, jobs: int) -> None:
    """Run the trials, so many at a time; Ctrl-C and SIGTERM let the running ones save first."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ThreadPoolExecutor(jobs) as pool:
        try:
            list(pool.map(run, waiting))
        except KeyboardInterrupt:
            run.stop()
            pool.shutdown(cancel_futures=True)
            raise


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python scripts/tuning", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--corpus", nargs="+", default=[], metavar="PATH[:SOURCE-TARGET]", help="folders or TSV files")
    add("--pairs", nargs="+", type=int, default=[0], metavar="N", help="draw N training pairs (default: all); several")
    add("--model", nargs="+", choices=list(sizes.TABLE), default=list(sizes.TABLE), help="families (default: all)")
    add("--grid", nargs="+", action="append", default=[], metavar="SETTING=VALUE,...",
        help="try every combination; repeatable. SETTING is a field of nmt.data.sizes.Sizes (batch_tokens, lr, passes, "
        "steps, width, layers, dropout, accumulate) or a setting of the config (training.label_smoothing)")  # fmt: skip
    add("--plan", type=read_plan, default={}, metavar="FILE",
        help="YAML with grids per family: {gru: [{lr: [1e-3, 3e-3]}]}")  # fmt: skip
    add("--seeds", nargs="+", type=int, default=[1], help="train once with each seed (default: 1)")
    add("--minutes", type=float, default=30.0, help="stop a training after so many minutes (default: %(default)s)")
    add("--jobs", type=int, default=1, help="trainings at a time (default: 1)")
    add("--threads", type=int, default=1, help="threads per training (default: 1)")
    add("--keep", action="store_true", help="keep the trained models (default: remove them, as they take much disk)")
    add("--output", type=Path, default=Path("runs/tuning"), help="folder for all results (default: %(default)s)")
    add("--list", action="store_true", help="only print which trainings are missing")
    add("--report", action="store_true", help="train nothing, only write the report")
    options = parser.parse_args(arguments)
    if not options.corpus and not options.report:
        parser.error("no corpus to train on; give --corpus FOLDER:SOURCE-TARGET, or --report")
    return options


if __name__ == "__main__":
    try:
        main()
    except NMTError as error:
        sys.exit(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
    except KeyboardInterrupt:
        sys.exit(130)
