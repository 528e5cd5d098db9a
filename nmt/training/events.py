"""What training tells whoever listens: facts, in the order in which they happen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Union

from nmt.data.prepare import Report
from nmt.training.outcome import Verdict
from nmt.training.preflight import Forecast
from nmt.training.validation import Scores


class Unbegun(NamedTuple):
    """A run that is to be resumed has no checkpoint, or is not there at all: it starts from the beginning."""

    folder: Path


class Preparing(NamedTuple):
    """The text is being cleaned and encoded."""

    stage: str
    done: int
    """How far the stage has come, in its own units."""


class Mended(NamedTuple):
    """Prepared data were damaged or incomplete, and have been made anew."""

    folder: Path


class Checking(NamedTuple):
    """Everything that the run will do is being done once."""

    folder: Path


class Checked(NamedTuple):
    """It went well."""

    forecast: Forecast


class Started(NamedTuple):
    """The model exists and training begins, or goes on."""

    folder: Path
    report: Report
    parameters: int
    frozen: int
    """Of the parameters."""
    pairs: int
    target_tokens: int
    """Of one epoch, end marks included."""
    step: int
    """Updates that were done before."""
    steps: int
    precision: str
    machine: dict[str, str | int]
    seed: int
    changes: list[str]
    """Of the machine since the run began; the result may differ in the last bits from an uninterrupted one."""


class Updated(NamedTuple):
    """One update of the weights; cheap, for a display that moves."""

    step: int
    steps: int
    tokens_per_second: float
    """Target tokens, padding left out, since the last line of the log."""
    remaining: float
    """Estimated seconds until `training.steps`, evaluations included."""


class Progress(NamedTuple):
    """The last `training.log_every` updates."""

    step: int
    epoch: int
    """Counted from 1."""
    loss: float
    """Label-smoothed cross entropy a target token, in nats; what R-Drop or SimCut add to it is left out."""
    perplexity: float
    rate: float
    """Learning rate."""
    norm: float
    """Of the last update's gradient, before clipping."""
    skipped: int
    """Updates so far whose loss or gradient was not finite."""
    target_tokens: int
    """Trained on so far, padding left out."""
    tokens_per_second: float
    seconds: float
    """Since the run began, evaluations included, interruptions left out."""


class Spike(NamedTuple):
    """An update's loss was far above what was usual."""

    step: int
    loss: float
    """Label-smoothed cross entropy a target token, in nats."""
    usual: float
    """Its running mean before."""


class Split(NamedTuple):
    """Memory ran out, for the first time in this process: the batch is computed in parts, with the same gradient."""

    step: int


class Evaluating(NamedTuple):
    """The development text is being translated."""

    step: int


class Evaluated(NamedTuple):
    """Scores of the averaged weights, where averaging is on, on the development text."""

    step: int
    epoch: int
    scores: Scores
    best: bool
    """Better than every evaluation before, by `training.measure`."""
    seconds: float
    """That the evaluation took."""


class Stopped(NamedTuple):
    """A signal ended training early; everything so far is saved."""

    folder: Path
    step: int


class Finished(NamedTuple):
    """Training is over; also what `train` returns."""

    folder: Path
    reason: str
    """`steps`: all are done. `patience`: nothing better for too long."""
    done: int
    """Updates since it was started or resumed; 0 when training was over before."""
    step: int
    epoch: int
    """Complete passes over the data."""
    best: dict[str, Any] | None
    """Scores of the model that is shipped; None when no evaluation gave a number."""
    seconds: float
    """Seconds spent training and evaluating, summed over resumptions."""
    verdicts: tuple[Verdict, ...]
    """Verdicts on the learning curves."""


Event = Union[  # noqa: UP007
    Unbegun, Preparing, Mended, Checking, Checked, Started, Updated, Progress, Spike, Split, Evaluating, Evaluated,
    Stopped, Finished,
]  # fmt: skip

Listener = Callable[[Event], None]
