"""What a run left behind, as facts: its settings, its learning curves, what it was trained on, and whether it is over.

Everything but the curves comes from the bundle, so that a bundle alone, or an exported model, may stand beside runs.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from nmt import bundle, checksums
from nmt.bundle import Description
from nmt.config import flat
from nmt.data.tokenizer import MODELS
from nmt.decoding.engine import is_exported
from nmt.errors import NMTError
from nmt.evaluation import systems

Settings = dict[str, Any]
"""Dotted keys, such as training.lr."""

SEED = "training.seed"


class Progress(NamedTuple):
    """A line of the log about the updates since the one before."""

    step: int
    minutes: float
    """Since the run began, evaluations included."""
    loss: float
    """Cross entropy in training, with label smoothing and without what R-Drop or SimCut add, a target token in nats."""
    tokens_per_second: float


class Evaluation(NamedTuple):
    """A line of the log about the development text."""

    step: int
    minutes: float
    """As of the lines of progress around it; not a number where there are none."""
    loss: float
    """Negative log-likelihood a target token in nats."""
    bleu: float
    chrf: float
    best: bool
    memory: int | None
    """Bytes at the worst moment of the training so far."""


class Log(NamedTuple):
    """The learning curves. What is not a number (training.loss once overflowed, say) is NaN."""

    progress: list[Progress]
    evaluations: list[Evaluation]
    damaged: list[int]
    """Numbers of lines that say nothing, which are left aside."""


class Run(NamedTuple):
    """A trained model and how it came about."""

    name: str
    path: Path
    model: str
    """gru, attention_rnn, ..."""
    card: dict[str, Any]
    """See nmt.card."""
    settings: Settings
    """Of the sections model, tokenizer, training and search, of data what no text is, and what was fine-tuned."""
    text: Settings
    """What tells whether two runs saw the same text in the same pieces."""
    config: Path | None
    """The config that it was trained with, which names the test text; None for a bundle, which names none."""
    log: Log | None
    """None where there is none, as beside a bundle."""
    exported: bool
    """Whether another engine runs it, which shows no attention."""
    notes: list[str]
    """What a reader has to know before comparing."""

    @property
    def tokens_per_second(self) -> float | None:
        """In training, the median of the log's lines, evaluations left out; None without them."""
        speeds = [each.tokens_per_second for each in self.log.progress] if self.log else []
        return median(speeds) if speeds else None

    @property
    def memory(self) -> int | None:
        """Bytes at the worst moment of the training, what it did to the text before included; None where not told."""
        known = [each.memory for each in self.log.evaluations if each.memory] if self.log else []
        return max(known, default=None)


def read(paths: Sequence[Path]) -> list[Run]:
    """The runs, bundles or exports, with the names that tell them apart.

    Raises CheckpointError for a damaged or missing model, NMTError where one is named twice.
    """
    places = [bundle.locate(path).resolve() for path in paths]
    for number, place in enumerate(places):
        if place in places[:number]:
            raise NMTError(f"{paths[number]}: is named twice", hint="a model cannot differ from itself")
    return [_read(path, name) for path, name in zip(paths, systems.names(paths), strict=True)]


def _read(path: Path, name: str) -> Run:
    described = bundle.read(path)
    is_run = described.folder != path
    log_path, config = path / "log.jsonl", path / "config.yaml"
    log = read_log(log_path) if is_run and log_path.is_file() else None
    kept = described.config.model_dump(mode="json", include={"tokenizer", "model", "search"})
    settings = flat({**kept, **described.card["settings"]}) | _beside(described)
    return Run(
        name, path, described.config.model.type, described.card, settings, _text(described),
        config if is_run and config.is_file() else None, log, is_exported(described),
        _notes(described, log, settings),
    )  # fmt: skip


def _beside(described: Description) -> Settings:
    """The order of the target, and the model that this one goes on from."""
    found, origin = {"data.target_order": described.config.target_order}, described.card["finetuned"]
    if origin is not None:
        found["finetune.model"] = f"{origin['name']} ({origin['checksum'][:8]})"
        found["finetune.freeze"] = ", ".join(origin["frozen"])
    return found


def _text(described: Description) -> Settings:
    config, data = described.config, described.card["data"]
    return {
        "languages": f"{config.source_language} → {config.target_language}",
        "training pairs": data["pairs"], "source pieces": data["source_pieces"],
        "target pieces": data["target_pieces"], "development pairs": data["dev_pairs"],
        "tokenizer, SHA-256": " ".join(checksums.sha256(described.folder / name)[:8] for name in MODELS),
    }  # fmt: skip


def read_log(path: Path) -> Log:
    """A run's log.jsonl. Lines that are damaged, as by a full disk, or of another nmt's making are left aside."""
    progress, evaluations, damaged = {}, {}, []
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                event = json.loads(line)
                if event["event"] == "progress":
                    progress[event["step"]] = _progress(event)
                elif event["event"] == "evaluated":
                    evaluations[event["step"]] = _evaluation(event)
            except (ValueError, KeyError, TypeError, RecursionError):
                damaged.append(number)
    course = [progress[step] for step in sorted(progress)]
    timed = [each._replace(minutes=_minutes(each.step, course)) for _, each in sorted(evaluations.items())]
    return Log(course, timed, damaged)


def _progress(event: dict[str, Any]) -> Progress:
    seconds, loss, speed = (_number(event[name]) for name in ("seconds", "loss", "tokens_per_second"))
    return Progress(int(event["step"]), seconds / 60, loss, speed)


def _evaluation(event: dict[str, Any]) -> Evaluation:
    bleu, chrf = (_number(event[name]["value"]) for name in ("bleu", "chrf"))
    memory = event.get("memory")  # older logs do not tell
    return Evaluation(
        int(event["step"]), math.nan, _number(event["loss"]), bleu, chrf, bool(event["best"]),
        None if memory is None else int(memory),
    )  # fmt: skip


def _number(value: Any) -> float:
    """JSON has no NaN: the log says null."""
    return math.nan if value is None else float(value)


def _minutes(step: int, course: Sequence[Progress]) -> float:
    """When an update was done, between the lines of progress around it."""
    if not course:
        return math.nan
    return float(np.interp(step, [0, *(each.step for each in course)], [0.0, *(each.minutes for each in course)]))


def _notes(described: Description, log: Log | None, settings: Settings) -> list[str]:
    notes = []
    if log is None:
        notes.append("no log.jsonl beside the model: no learning curves, no memory of training")
    elif log.damaged:
        lines = ", ".join(map(str, log.damaged[:5])) + (", ..." if len(log.damaged) > 5 else "")
        notes.append(f"log.jsonl: left aside what cannot be read, line {lines}")
    if log is not None and not log.evaluations:
        notes.append("log.jsonl tells of no evaluation")
    done, planned = _done(described, log), _count(settings.get("training.steps"))
    if planned is not None and done < planned and not _out_of_patience(log, settings):
        notes.append(f"unfinished: update {done:,} of {planned:,}")
    return notes


def _done(described: Description, log: Log | None) -> int:
    steps = [each.step for each in (*log.progress, *log.evaluations)] if log else []
    return max([described.card["training"]["steps"], *steps])


def _count(value: Any) -> int | None:
    """A number of a card, of whose settings nothing is checked."""
    return value if isinstance(value, int) else None


def _out_of_patience(log: Log | None, settings: Settings) -> bool:
    patience = _count(settings.get("training.patience"))
    if log is None or patience is None:
        return False
    return not any(each.best for each in log.evaluations[-patience:]) and len(log.evaluations) > patience
