"""What decoding costs: models in turns on the same text, each turn in a process of its own.

ABCABC...: what else the machine does in a bad minute hits all of them, and the median leaves it out. A process of its
own has used no memory before, so that its peak is that of this one model with the program and its libraries.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from nmt import runtime, workers
from nmt.decoding.translator import Translator

WARM_UP = 64
"""Lines that are translated before the clock runs."""


class Turn(NamedTuple):
    """One translation of the whole text."""

    seconds: float
    """From lines to lines, loading the model left out."""
    memory: int | None
    """Bytes at the worst moment, the loading included: the GPU's, else the process's; None where no system says."""


class Decoding(NamedTuple):
    """All turns of a model."""

    turns: list[Turn]
    sentences: int

    @property
    def speed(self) -> float:
        """Sentences a second, the median of the turns."""
        return self.sentences / median(each.seconds for each in self.turns)

    @property
    def range(self) -> tuple[float, float]:
        """Sentences a second in the slowest and in the fastest turn."""
        seconds = [each.seconds for each in self.turns]
        return self.sentences / max(seconds), self.sentences / min(seconds)

    @property
    def memory(self) -> int | None:
        """Bytes at the worst moment of a turn, the median of the turns."""
        known = [each.memory for each in self.turns if each.memory is not None]
        return int(median(known)) if known else None


def in_turns(
    paths: Sequence[Path], lines: Sequence[str], *, turns: int, where: dict[str, Any], search: dict[str, Any],
    tags: Sequence[str | None] | None = None, on_turn: Callable[[int, int], None] = lambda turn, number: None,
) -> list[Decoding]:  # fmt: skip
    """Let models take `turns` at translating `lines`, one process at a time, each with its own of the `tags`.

    `where` are the device, precision and threads of Translator.load, `search` replaces settings of the models' search;
    `on_turn` hears which turn begins and whose. Raises what loading and translating raise.
    """
    taken: list[list[Turn]] = [[] for _ in paths]
    for turn in range(turns):
        for number, (path, tag) in enumerate(zip(paths, tags or [None] * len(paths), strict=True)):
            on_turn(turn, number)
            load = partial(_load, path, {**where, "tag": tag, **search})
            taken[number].append(workers.apart(load, list(lines)))
    return [Decoding(each, len(lines)) for each in taken] if turns else []


def _load(path: Path, options: dict[str, Any]) -> Callable[[list[str]], Turn]:
    runtime.keep_freed_memory()
    return partial(_turn, Translator.load(path, **options))


def _turn(translator: Translator, lines: list[str]) -> Turn:
    translator.translate(lines[:WARM_UP])
    begin = time.perf_counter()
    translator.translate(lines)
    seconds = time.perf_counter() - begin
    device = translator.engine.device if translator.engine.name == "torch" else None
    return Turn(seconds, runtime.peak_memory(device))
