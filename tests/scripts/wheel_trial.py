"""Try an installed nmt as a new user does: `python wheel_trial.py DATA` in an empty folder, outside the checkout.

DATA is the folder of the bundled corpus. Raises CalledProcessError or AssertionError if a command fails.
"""

import gzip
import shutil
import subprocess
import sys
from pathlib import Path


def main(data: Path) -> None:
    for side in ("train", "test"):
        with gzip.open(data / f"{side}.de-en.tsv.gz", "rt", encoding="utf-8") as file:
            pairs = [line.rstrip("\n").split("\t") for _, line in zip(range(300), file, strict=False)]
        for number, language in enumerate(("de", "en")):
            text = "".join(f"{pair[number]}\n" for pair in pairs)
            Path(f"{side}.{language}").write_text(text, encoding="utf-8")
    assert nmt("--version").startswith("nmt ")
    nmt("init", "--source", "train.de", "--target", "train.en")
    settings = ["training.steps=6", "training.warmup=2", "training.evaluate_every=3", "training.evaluate_sentences=2"]
    nmt("train", "--config", "config.yaml", *settings, "search.beam=1", "search.max_length=8")
    run = "runs/de-en-transformer"
    assert len(nmt("translate", "--model", run, "--input", "test.de").splitlines()) == 300
    assert "BLEU" in nmt("eval", "--model", run, "--source", "test.de", "--reference", "test.en")
    assert "transformer" in nmt("info", run)
    page = Path("attention.html")
    nmt("attend", "--model", run, "Guten Morgen!", "--output", str(page))
    assert page.stat().st_size > 10_000, "the page's template is in the wheel"
    print("the wheel works")


def nmt(*arguments: str) -> str:
    """Run the command of this environment and return what it prints."""
    program = shutil.which("nmt", path=str(Path(sys.executable).parent))
    assert program, "the wheel installs the command"
    print("$ nmt", *arguments, flush=True)
    return subprocess.run([program, *arguments], stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
