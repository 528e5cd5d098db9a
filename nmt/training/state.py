"""The counters of a run: with the tensors of a checkpoint they say exactly where it is."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import ConfigDict, NonNegativeInt, TypeAdapter, with_config

from nmt.training.schedule import Plateau
from nmt.training.spikes import Usual


@with_config(ConfigDict(extra="forbid"))
@dataclass
class State:
    """Changes with every update; written to state.json."""

    prepared: str
    """Key of the prepared data."""
    machine: dict[str, Any]
    """Where the run began, and how many processes took part."""
    texts: dict[str, str]
    """Setting that names a text file -> digest of the file."""
    step: NonNegativeInt = 0
    """Updates of the weights."""
    epoch: NonNegativeInt = 0
    """Passes over the data that are complete."""
    consumed: NonNegativeInt = 0
    """Updates taken from the pass that is not."""
    target_tokens: NonNegativeInt = 0
    """Trained on, padding left out."""
    seconds: float = 0.0
    """Of training and evaluating, however often it was resumed."""
    window: "Window" = field(default_factory=lambda: Window())
    evaluated: NonNegativeInt = 0
    """Step of the last evaluation."""
    best: dict[str, Any] | None = None
    """Scores of the best evaluation, as the model card shows them."""
    alike: float = 0.0
    """Share of the most frequent translation in the last evaluation."""
    waiting: NonNegativeInt = 0
    """Evaluations since the best."""
    plateau: Plateau = field(default_factory=Plateau)
    usual: Usual = field(default_factory=Usual)
    logged: NonNegativeInt = 0
    """Bytes of the log that tell of this state and what came before it."""

    @property
    def current_epoch(self) -> int:
        """The pass of the last update, counted from 1."""
        return self.epoch + (self.consumed > 0)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "plateau": self.plateau._asdict(), "usual": self.usual._asdict()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "State":
        """Raises ValueError when a key is unknown or missing, or a value of another type."""
        return TypeAdapter(cls).validate_json(json.dumps(value), strict=True)


@with_config(ConfigDict(extra="forbid"))
@dataclass
class Window:
    """The updates since the last line of the log."""

    tokens: NonNegativeInt = 0
    seconds: float = 0.0
    sums: list[tuple[float, float, float]] = field(default_factory=list)
    """Of each update [loss, nll, target tokens], zeros where it was skipped; while training they are on the device."""
