"""Test nmt with several Pythons, each with the lowest and the newest versions of its packages. Run by `make matrix`.

Per Python and kind of versions: a fresh environment, the tests, a shortened quickstart, and the built wheel in a second
environment outside the checkout. Environments are made by uv, which ignores pip's configuration, so that nothing of the
machine but its Pythons is used. The table at the end is Markdown; the exit code is 1 if anything failed.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from install import ROOT, has_nvidia, say, stop

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}
PACKAGES = ("torch", "numpy", "pydantic", "typer", "sentencepiece", "sacrebleu")
TESTS = ("-m", "pytest", "-m", "not soak", "-p", "no:cacheprovider", "--durations", "1000")
QUICKSTART = ("-m", "pytest", "-m", "soak", "-p", "no:cacheprovider", "tests/scripts/test_quickstart.py")
WHEEL_TRIAL = Path("tests/scripts/wheel_trial.py")
HOURS = 2  # for one command, after which it counts as failed


class Row(NamedTuple):
    """A row of the table."""

    python: str
    kind: str
    versions: dict[str, str]
    tests: str
    quickstart: str
    wheel: str
    minutes: float

    @property
    def passed(self) -> bool:
        return not any("failed" in cell for cell in (self.tests, self.quickstart, self.wheel))


class Fault(Exception):
    """A step failed; the message is the table's cell."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--python", action="append", help=f"a version such as 3.12, or a program; repeatable (default: {PYTHONS})"
    )
    parser.add_argument(
        "--versions", action="append", choices=list(RESOLUTIONS), help="versions of packages (default: both)"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes that run the tests (default: 2)")
    parser.add_argument("--logs", type=Path, default=ROOT / "build" / "matrix", help="folder (default: build/matrix)")
    options = parser.parse_args()
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or stop("uv is missing", 'pip install "uv>=0.9"')
    pythons = list(find_pythons(options.python or PYTHONS, named=bool(options.python)))
    options.logs.mkdir(parents=True, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory(prefix="nmt-matrix-") as folder:
        checkout = copy_checkout(Path(folder) / "checkout")
        for version, python in pythons:
            for kind in options.versions or RESOLUTIONS:
                log = options.logs / f"{version}-{kind}.log"
                bench = Bench(uv, python, kind, Path(folder) / f"{version}-{kind}", checkout, log, options.workers)
                rows.append(bench.row(version))
                say(table(rows[-1:]))
    print(table(rows))
    return 0 if all(row.passed for row in rows) else 1


def find_pythons(names: tuple[str, ...] | list[str], *, named: bool) -> Iterator[tuple[str, str]]:
    """Yield (full version, program) of each Python that runs here; stop if a named one is missing."""
    code = "import platform, sys; print(platform.python_version(), sys.executable)"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for name in names:
        candidates = [shutil.which(name), shutil.which(f"python{name}")]
        if re.fullmatch(r"\d+\.\d+", name):
            candidates += sorted(map(str, pyenv.glob(f"{name}.*/bin/python")))
        for candidate in filter(None, candidates):  # a shim of pyenv is found, but need not run
            done = subprocess.run([candidate, "-c", code], capture_output=True, text=True)
            if done.returncode == 0:
                version, program = done.stdout.strip().split(" ", 1)
                yield version, program
                break
        else:
            if named:
                stop(f"Python {name} is not on this machine", "install it, or leave out --python")
            say(f"Python {name} is not on this machine: left out")


def copy_checkout(folder: Path) -> Path:
    """Copy the files that git tracks, with changes that are not committed: a clean checkout."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


class Bench:
    """One Python with one kind of versions."""

    def __init__(self, uv: str, python: str, kind: str, folder: Path, checkout: Path, log: Path, workers: int):
        self.uv, self.python, self.folder, self.checkout = uv, python, folder, checkout
        self.kind, self.log, self.workers = kind, log, workers
        log.write_text("", encoding="utf-8")

    def row(self, version: str) -> Row:
        """Run all steps. A step that fails is a cell that begins with "failed"; the others are run all the same."""
        say(f"== Python {version}, {self.kind} versions; log: {self.log}")
        begin, venv = time.monotonic(), self.folder / "venv"
        self.folder.mkdir()
        versions: dict[str, str] = {}
        try:
            self.install(venv, "--requirements", "pyproject.toml", "--extra", "test")
            self.run(self.uv, "pip", "install", "--python", venv, "--no-deps", "--editable", ".")
            versions = self.versions(venv)
            program = python_of(venv)
            tests = cell(lambda: counts(self.run(program, *TESTS, "-n", self.workers)))
            quickstart = cell(lambda: counts(self.run(program, *QUICKSTART)))
            wheel = cell(self.try_wheel)
        except Fault as fault:
            tests = quickstart = wheel = str(fault)
        shutil.rmtree(self.folder, ignore_errors=True)
        return Row(version, self.kind, versions, tests, quickstart, wheel, (time.monotonic() - begin) / 60)

    def install(self, venv: Path, *requirements: str | Path) -> None:
        """Create an environment with these requirements in it, in the versions of this kind."""
        self.run(self.uv, "venv", "--python", self.python, "--no-python-downloads", venv)
        how = ["--only-binary", ":all:", "--resolution", RESOLUTIONS[self.kind], *requirements]
        command = [self.uv, "pip", "install", "--python", venv]
        if not has_nvidia() and sys.platform == "linux":  # a CPU build saves gigabytes, if its index can be reached
            try:
                return self.run(*command, "--torch-backend", "cpu", *how)
            except Fault:
                say("no CPU build can be had: torch comes from PyPI")
        return self.run(*command, *how)

    def versions(self, venv: Path) -> dict[str, str]:
        output = self.run(self.uv, "pip", "list", "--python", venv, "--format", "json")
        listed = json.loads(output.splitlines()[-1])  # uv's messages stand before it
        return {package["name"]: package["version"] for package in listed if package["name"] in PACKAGES}

    def try_wheel(self) -> str:
        """Build the wheel, install it into an environment of its own and try it outside the checkout."""
        self.run(self.uv, "build", "--wheel", "--python", self.python, "--out-dir", self.folder)
        (wheel,) = self.folder.glob("*.whl")
        venv, outside = self.folder / "wheel-venv", self.folder / "outside"
        self.install(venv, wheel)
        outside.mkdir()
        self.run(python_of(venv), self.checkout / WHEEL_TRIAL, self.checkout / "data" / "quickstart", at=outside)
        return "passed"

    def run(self, *command: str | int | Path, at: Path | None = None) -> str:
        """Run a command in the copy of the checkout, or elsewhere; its output goes to the log and is returned.

        Raises Fault if the command fails or takes longer than HOURS.
        """
        words = list(map(str, command))
        # The tests start nmt as `python -m nmt`, and the wheel's trial finds `nmt` by its environment: no PYTHONPATH.
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        with self.log.open("a+", encoding="utf-8", errors="replace") as log:
            log.write(f"\n$ {' '.join(words)}\n")
            log.flush()
            begin = log.tell()
            try:
                code = subprocess.run(
                    words, cwd=at or self.checkout, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=subprocess.STDOUT, timeout=HOURS * 3600,
                ).returncode  # fmt: skip
            except subprocess.TimeoutExpired:
                code = "time"
            log.seek(begin)
            output = log.read()
        if code:
            raise Fault(f"failed: {counts(output) or words[-1]} (exit {code})")
        return output


def cell(step: Callable[[], str]) -> str:
    """Return what a step gives, or its fault: a cell of the table."""
    try:
        return step()
    except Fault as fault:
        return str(fault)


def python_of(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def counts(output: str) -> str:
    """Return what pytest counted, such as "5064 passed, 7 skipped", from its last line."""
    found = re.findall(r"((?:\d+ [a-z]+,? ?)+) in [\d.]+s", output)
    return found[-1].strip() if found else ""


def table(rows: list[Row]) -> str:
    """Lay the rows out as a Markdown table."""
    head = ["Python", "versions", *PACKAGES, "tests", "quickstart", "wheel", "minutes"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        versions = [row.versions.get(name, "") for name in PACKAGES]
        results = [row.tests, row.quickstart, row.wheel, f"{row.minutes:.0f}"]
        lines.append([row.python, row.kind, *versions, *results])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
