"""A warning about other programs, which make all times longer."""

from nmt import runtime
from nmt.cli import lines
from nmt.workers import count_cores

SHARE, LEAST = 0.25, 0.5
"""Load that counts as busy, as a share of the cores, and at least in cores."""


def note_busy() -> None:
    """Warn if other programs use the cores. Call it before the command computes itself."""
    cores, load = count_cores(), runtime.load()
    if load is not None and load > max(LEAST, SHARE * cores):
        lines.note(
            f"other programs keep about {load:.1f} of {cores} cores busy: everything takes longer than on an idle "
            "machine, and --threads 1 is often faster than more threads"
        )
