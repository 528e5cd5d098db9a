"""What `make quickstart` does after the installation: train three models, compare them, translate a few lines.

Each command is shown before it runs, so that it can be run alone. A second call uses the finished runs again and goes
on with an interrupted one.
"""

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

from install import ROOT, run_inside

from nmt import config as settings
from nmt.data.text import read_pairs

MODELS = ("gru", "attention_rnn", "transformer")
SHOWN = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configs", type=Path, default=Path("configs/quickstart"), help="folder of the three configs")
    folder = parser.parse_args().configs
    configs = {name: folder / f"{name}.yaml" for name in MODELS}
    runs = {name: shortest(settings.load(path).run) for name, path in configs.items()}

    for name, path in configs.items():
        title(f"Train: {name}")
        exists = (Path(runs[name]) / "config.yaml").exists()
        nmt("train", "--config", str(path), *(["--resume"] if exists else []))
    title("Compare the three on the test set")
    nmt("eval", *(part for run in runs.values() for part in ("--model", run)), "--metric", "bleu,chrf")
    title("Translate a few lines of the test set")
    translate(configs["transformer"], runs)
    title("What next?")
    print(suggestions(runs, configs["transformer"]))


def title(text: str) -> None:
    print(f"\n== {text}\n", flush=True)


def show(arguments: list[str]) -> None:
    print(f"$ nmt {shlex.join(arguments)}", flush=True)


def nmt(*arguments: str) -> None:
    """Run a command of nmt in the open; when it fails or is stopped, so are we."""
    show(list(arguments))
    code = run_inside(Path(sys.executable), ["-m", "nmt", *arguments])
    if code in (130, 143):
        print("stopped; `make quickstart` goes on from here")
    if code:
        raise SystemExit(code)


def translate(config: Path, runs: dict[str, str]) -> None:
    """A few test sentences, spread over the file, with the reference and each model's translation."""
    pairs = list(read_pairs(settings.load(config).data.test))
    pairs = pairs[:: -(-len(pairs) // SHOWN)]
    text = "".join(f"{source}\n" for source, _ in pairs)
    found = {"source": [source for source, _ in pairs], "reference": [target for _, target in pairs]}
    for name, run in runs.items():
        arguments = ["translate", "--model", run]
        show(arguments)
        command = [sys.executable, "-m", "nmt", *arguments]
        done = subprocess.run(command, input=text, stdout=subprocess.PIPE, encoding="utf-8", cwd=ROOT)
        if done.returncode:
            raise SystemExit(done.returncode)
        found[name] = done.stdout.split("\n")
    width = max(map(len, found))
    for number in range(len(pairs)):
        print()
        for name, lines in found.items():
            print(f"{name:<{width}}  {lines[number]}")


def suggestions(runs: dict[str, str], config: Path) -> str:
    run = runs["transformer"]
    activate = Path(sys.prefix, "Scripts" if os.name == "nt" else "bin", "activate")
    return f"""In this terminal, first of all
  {"" if os.name == "nt" else "source "}{shortest(activate)}
Type German yourself; the models know everyday sentences of frequent words
  nmt translate --model {run}
How much is the beam worth? Greedy search is beam 1
  nmt eval --model {run} --beam 1
All three in one report: learning curves, cost, lengths, examples (pip install -e ".[plots]")
  nmt compare {" ".join(runs.values())} --output report
Change one thing, and see whether it matters
  nmt train --config {config} run=runs/deeper model.encoder_layers=4
  nmt eval --model {run} --model runs/deeper --confidence --paired bs
Your own text; data/README.md says where to find some
  nmt init --source my.de --target my.en"""


def shortest(path: Path) -> str:
    """As seen from the project's folder, where that is shorter."""
    path = path.absolute()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # Windows has another one when the output goes to a file
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
