"""Create a virtual environment, install nmt into it and run a command with its Python. Needs Python 3.10, no packages.

    python scripts/install.py --venv .venv --extra test -- -m pytest

A second call with nothing changed installs nothing. A torch that is already there stays. Where there is no NVIDIA
driver, a CPU build of torch is taken if one can be had, which saves gigabytes of CUDA libraries.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 10)
OLDEST_TORCH = (2, 3)  # as in pyproject.toml
TORCH = "torch>={}.{}".format(*OLDEST_TORCH)
CPU_INDEX = ("--index-url", "https://download.pytorch.org/whl/cpu", "--timeout", "10", "--retries", "1")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="the environment (default: .venv)")
    parser.add_argument("--extra", action="append", default=[], help="an extra of nmt, such as test; repeatable")
    parser.add_argument("command", nargs="*", metavar="-- ARGUMENT", help="arguments for the environment's Python")
    options = parser.parse_args()
    venv = options.venv.expanduser()
    python = find_python(venv) or create(venv)
    install(python, venv, extras=set(options.extra))
    return run_inside(python, options.command) if options.command else 0


def find_python(venv: Path) -> Path | None:
    """The environment's interpreter; Windows keeps it elsewhere."""
    places = [venv / "bin" / "python", venv / "Scripts" / "python.exe", venv / "python.exe"]
    return next((place.absolute() for place in places if place.exists()), None)


def create(venv: Path) -> Path:
    """A new environment, made with the Python that runs this script."""
    if sys.version_info < OLDEST_PYTHON:
        stop(f"this is Python {sys.version.split()[0]}; nmt needs 3.10 or newer", "make PYTHON=python3.12 ...")
    say(f"creating {venv}")
    for tool in ("venv", "virtualenv"):  # Debian ships Python without venv's other half, ensurepip
        made = subprocess.run([sys.executable, "-m", tool, str(venv)], capture_output=True, text=True)
        if made.returncode == 0:
            return find_python(venv)
        shutil.rmtree(venv, ignore_errors=True)
    stop(f"{sys.executable} cannot create an environment", "install its venv module (Debian: apt install python3-venv)")


def install(python: Path, venv: Path, *, extras: set[str]) -> None:
    """Install nmt, editable, with `extras`, unless the stamp says that exactly this is there."""
    stamp = venv / "nmt-install.json"
    project = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode()).hexdigest()
    there = read_stamp(stamp)
    if there.get("project") == project and extras <= set(there["extras"]):
        return
    extras |= set(there.get("extras", []))
    if subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True).returncode:
        subprocess.run([str(python), "-m", "ensurepip"], capture_output=True, check=False)
    version = torch_version(python)
    if version is None:
        install_torch(python)
    elif tuple(int(part) for part in version.split(".")[:2]) < OLDEST_TORCH:
        stop(f"torch {version} is in {venv} and is left as it is, but nmt needs 2.3 or newer", "upgrade it yourself")
    names = f"[{','.join(sorted(extras))}]" if extras else ""
    say(f"installing nmtkit{names} into {venv}")
    if not pip(python, "--editable", f"{ROOT}{names}"):
        stop("the installation failed; pip says why above")
    stamp.write_text(json.dumps({"project": project, "extras": sorted(extras)}), encoding="utf-8")


def read_stamp(stamp: Path) -> dict:
    try:
        return json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def torch_version(python: Path) -> str | None:
    """The version of the torch that is in the environment, found without importing it."""
    code = "import importlib.metadata as m; print(m.version('torch'))"
    found = subprocess.run([str(python), "-c", code], capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else None


def install_torch(python: Path) -> None:
    """A CPU build where one is of use; otherwise nothing, and torch comes with nmt's other requirements."""
    if sys.platform != "linux" or has_nvidia():
        return  # PyPI's torch computes on the CPU alone on macOS and Windows, and with CUDA on Linux
    say("no NVIDIA driver: looking for a CPU build of torch")
    if found := local_cpu_build(python):
        pip(python, "--no-index", "--no-deps", f"torch=={found}")
    elif not pip(python, "--no-deps", TORCH, *CPU_INDEX, other_sources=False):
        say("no CPU build can be had: torch comes from PyPI, with some gigabytes of CUDA libraries")


def local_cpu_build(python: Path) -> str | None:
    """The version that pip is configured to find without an index, in a folder of packages (find-links)."""
    options = ["--dry-run", "--ignore-installed", "--no-index", "--no-deps"]
    done = subprocess.run([str(python), "-m", "pip", "install", *options, TORCH], capture_output=True, text=True)
    found = re.search(r"Would install torch-(\S+\+cpu)", done.stdout)
    return found[1] if found else None


def has_nvidia() -> bool:
    return Path("/proc/driver/nvidia").exists() or shutil.which("nvidia-smi") is not None


def pip(python: Path, *arguments: str, other_sources: bool = True) -> bool:
    """Run `pip install`; without `other_sources` pip's configuration adds no index or folder to those named here."""
    environment = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1")
    if not other_sources:
        for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
            environment.pop(name, None)
        environment["PIP_CONFIG_FILE"] = os.devnull
    return subprocess.run([str(python), "-m", "pip", "install", *arguments], env=environment).returncode == 0


def run_inside(python: Path, arguments: list[str]) -> int:
    """Run the environment's Python in the project's folder; Ctrl-C is for it, and we wait for it to tidy up."""
    with subprocess.Popen([str(python), *arguments], cwd=ROOT) as process:
        while True:
            try:
                code = process.wait()
                return code if code >= 0 else 128 - code
            except KeyboardInterrupt:
                continue


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def stop(text: str, hint: str = "") -> None:
    say(f"error: {text}" + (f"\nhint: {hint}" if hint else ""))
    raise SystemExit(1)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
