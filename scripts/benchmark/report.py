"""Markdown tables, and on which machine with which versions they were measured."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch
from turns import Measured

from nmt.version import __version__

ROOT = Path(__file__).resolve().parents[2]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column is text, the others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def rate(measured: Measured, digits: int = 0) -> str:
    """Median of the turns, and from where to where they went."""
    spread = f"{min(measured.rates):,.{digits}f}-{max(measured.rates):,.{digits}f}"
    return f"{measured.rate:,.{digits}f} ({spread})"


def ratio(measured: Measured, base: Measured | None) -> str:
    """Median of the ratios round by round, as the turns of a round stand near each other in time."""
    if base is None or not base.turns:
        return "-"
    return f"{median(own / other for own, other in zip(measured.rates, base.rates, strict=True)):.2f}"


def faults(measured: Sequence[Measured], missing: Sequence[str], notes: Sequence[str] = ()) -> str:
    """What was not measured, and why."""
    lines = [f"- {each.system.name}: failed: {each.fault}" for each in measured if each.fault]
    lines += [f"- {name}: not installed; give its Python with --peer {name}=PYTHON" for name in missing]
    lines += notes
    return "\n".join(["Not measured:", "", *lines]) if lines else ""


def versions(measured: Sequence[Measured]) -> str:
    """Of all packages that had a turn."""
    found = {turn["version"] for each in measured for turn in each.turns if "version" in turn}
    return ", ".join(sorted(found))


def machine(device: str, threads: int) -> str:
    """The hardware and our own software."""
    parts = [processor(), f"{threads} threads of {os.cpu_count()} cores", platform.system()]
    if device == "cuda":
        parts.insert(0, torch.cuda.get_device_name())
    parts += [f"Python {platform.python_version()}", f"torch {torch.__version__}", f"nmt {__version__} ({commit()})"]
    return ", ".join(parts)


def processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        return next(line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT)
    except OSError:
        return "no git"
    return done.stdout.strip() or "no commit"


def command() -> str:
    """As it was typed."""
    return " ".join(["python scripts/benchmark", *sys.argv[1:]])


def limits(measured: Measured) -> str:
    """What the hardware can do, the median of the turns."""
    if not measured.turns:
        return "The limits of the hardware were not measured."
    flops = ", ".join(f"{limit(measured, kind) / 1e9:,.0f} GFLOP/s {kind}" for kind in ("float32", "bfloat16"))
    bandwidth = median(turn["bandwidth"] for turn in measured.turns)
    return f"Limits: matrix products {flops}; memory {bandwidth / 1e9:,.1f} GB/s."


def limit(measured: Measured, precision: str) -> float:
    """FLOP/s of the fastest matrix product."""
    return median(turn["flops"][precision] for turn in measured.turns)


def share(measured: Measured, limits: Measured, flops: float, precision: str | None = None) -> str:
    """Of the limit in a number format, by default the system's, when each item takes `flops`."""
    precision = precision or measured.system.job["precision"]
    if not limits.turns:
        return "-"
    return f"{measured.rate * flops / limit(limits, precision):.0%}"


def section(title: str, *parts: str) -> str:
    return "\n\n".join([f"### {title}", *filter(None, parts)])
