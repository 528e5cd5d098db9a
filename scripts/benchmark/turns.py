"""Systems take turns, ABCABC..., each turn a process of its own: what the machine does meanwhile hits them all."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from nmt import files
from nmt.errors import NMTError

PROGRAMS = Path(__file__).resolve().parent / "systems"


class System(NamedTuple):
    """What is measured, and how it is started."""

    name: str
    python: str
    program: str
    """A file in systems/."""
    job: dict[str, Any]


class Measured(NamedTuple):
    """What came of a system's turns."""

    system: System
    turns: list[dict[str, Any]]
    """Empty when it failed."""
    fault: str = ""

    @property
    def rates(self) -> list[float]:
        return [turn["rate"] for turn in self.turns]

    @property
    def rate(self) -> float:
        """The median."""
        return median(self.rates)


SHAPES = {"cpu": [(2048, 2048, 2048), (4096, 256, 1024), (4096, 1024, 256), (4096, 256, 8000)]}
SHAPES["cuda"] = [*SHAPES["cpu"], (8192, 8192, 8192), (16384, 8192, 4096)]
"""Matrix products [M, K] [K, N] whose speed shows what the hardware can do."""
BYTES = {"cpu": 1 << 28, "cuda": 1 << 31}
"""Copied, to see what the memory can do."""

Take = Callable[[System], dict[str, Any]]


class Failed(Exception):
    """A turn gave no result."""


def limits_system(job: dict[str, Any], *, tiny: bool) -> System:
    """The measurement of the hardware, which takes its turns as if it were a system."""
    shapes, size = ([(64, 64, 64)], 1 << 20) if tiny else (SHAPES[job["device"]], BYTES[job["device"]])
    return System("limits", sys.executable, "limits.py", job | {"shapes": shapes, "bytes": size})


def chosen(systems: Sequence[System], names: Sequence[str] | None) -> list[System]:
    """Those that are wanted, None being all, and always the limits.

    Raises NMTError when none of them is there, which is most likely a name with a mistake in it.
    """
    known = [system.name for system in systems if system.name != "limits"]
    if names is not None and not set(names) & set(known):
        raise NMTError(f"--system: none of {', '.join(map(repr, names))}", hint=f"there are {', '.join(known)}")
    return [system for system in systems if names is None or system.name in (*names, "limits")]


def interleave(systems: Sequence[System], *, repeats: int, take: Take) -> list[Measured]:
    """`repeats` rounds, in each of which each system `take`s a turn; one that fails has no further turn."""
    measured = {system.name: Measured(system, []) for system in systems}
    for number in range(1, repeats + 1):
        for system in systems:
            before = measured[system.name]
            if before.fault:
                continue
            try:
                before.turns.append(take(system))
                said = f"{before.turns[-1]['rate']:,.1f}" if "rate" in before.turns[-1] else "measured"
            except Failed as error:
                measured[system.name] = Measured(system, [], str(error))
                said = f"left out: {error}"
            print(f"round {number} of {repeats}: {system.name}: {said}", file=sys.stderr, flush=True)
    return list(measured.values())


def run_program(system: System, *, folder: Path, limit: float) -> dict[str, Any]:
    """One turn: the system's program in its environment. Raises Failed when it fails or takes `limit` seconds."""
    job = folder / "job.json"
    files.write_text(job, json.dumps(system.job))
    command = [system.python, str(PROGRAMS / system.program), str(job)]
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=limit, cwd=folder,
            env=environment(system.python, system.job["threads"]),
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Failed(f"took more than {limit:.0f} s") from error
    except OSError as error:
        raise Failed(str(error)) from error
    if done.returncode:
        raise Failed(next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no message"))
    return json.loads(done.stdout.splitlines()[-1])


def environment(python: str, threads: int) -> dict[str, str]:
    """The same number of threads for every library; our own paths are not for the environments of others."""
    variables = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    variables |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    if python != sys.executable:
        variables.pop("PYTHONPATH", None)
    return variables
