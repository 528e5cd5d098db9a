"""Section `training`: the objective, the optimizer, the schedule, and when to evaluate and stop."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from nmt.config.search import Beam
from nmt.config.section import Conflict, Section


def _number_or_share(value: Any) -> int | float:
    whole = type(value) is int and value >= 0
    if not (whole or (type(value) is float and 0 < value < 1)):
        raise ValueError(f"must be a number of updates, or a share of the run between 0 and 1, not {value!r}")
    return value


Updates = Annotated[int | float, BeforeValidator(_number_or_share)]
"""A number of updates, or a share of `horizon`, which is `steps` unless the run was extended."""


class TrainingConfig(Section):
    """The training loop."""

    BELONGS: ClassVar = {
        "momentum": {"optimizer": ("muon",)},
        "min_lr": {"schedule": ("inverse_sqrt", "cosine", "plateau")},
        "plateau_factor": {"schedule": ("plateau",)},
        "plateau_patience": {"schedule": ("plateau",)},
        "ema_decay": {"average": ("ema",)},
        "average_last": {"average": ("last",)},
    }

    seed: int = Field(1, ge=0, lt=2**63)
    """Initial weights, order of the data and dropout."""
    steps: int = Field(10_000, ge=1)
    """Most updates of the weights."""
    batch_tokens: int = Field(1024, ge=1)
    """Size of a batch: rows times its longest side in pieces, padding included."""
    accumulate: int = Field(1, ge=1)
    """Batches whose gradients are summed for one update."""
    pool: int = Field(8192, ge=1)
    """Sentence pairs that are sorted by length together; larger wastes less on padding, smaller shuffles better."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Number format of the model's arithmetic; weights, gradients' sum and optimizer are float32 always.
    auto is bfloat16 where the device computes in it."""

    deterministic: bool = False
    """On a GPU too the same run gives the same bits twice, some operations being slower; on a CPU it always does."""

    label_smoothing: float = Field(0.1, ge=0, lt=1)
    """Share of the probability that the target spreads over the whole vocabulary."""
    word_dropout: float = Field(0.0, ge=0, lt=1)
    """Probability that a piece of the input, source or target so far, is replaced by the unknown one."""
    cutoff: float = Field(0.0, ge=0, lt=1)
    """Probability that a piece of the input is cut off: its embedding is 0. With simcut in the second pass alone."""
    r_drop: float = Field(0.0, ge=0, le=1000)
    """R-Drop: how much two passes with other dropout have to agree (5 is usual); an update takes twice as long."""
    simcut: float = Field(0.0, ge=0, le=1000)
    """SimCut: how much a pass without what cutoff cuts off has to agree with one that sees all (3, with cutoff 0.05);
    an update takes twice as long."""

    optimizer: Literal["adamw", "muon"] = "adamw"
    """AdamW for all weights, or Muon for matrices and AdamW for embeddings, output layer and vectors."""
    lr: float = Field(1e-3, gt=0)
    """Peak learning rate; Muon's steps are scaled to be as large as AdamW's."""
    momentum: float = Field(0.95, ge=0, lt=1)
    """muon: decay rate of the gradient's running sum."""
    betas: tuple[float, float] = (0.9, 0.98)
    """AdamW's decay rates of the gradient's mean and square."""
    epsilon: float = Field(1e-9, gt=0)
    """AdamW's guard against a division by zero."""
    weight_decay: float = Field(0.0, ge=0)
    """Decoupled decay of matrices, by either optimizer."""
    clip: float | None = Field(1.0, gt=0)
    """Largest norm of the gradient."""

    schedule: Literal["inverse_sqrt", "cosine", "plateau", "constant"] = "cosine"
    """The learning rate's course after the warm-up."""
    warmup: Updates = 0.1
    """Updates over which the rate rises linearly from 0: a number, or a share of the run such as 0.1."""
    horizon: int | None = Field(None, ge=1)
    """Updates that the schedule is made for: shares count from it, and the cosine schedule reaches min_lr there.
    By default `steps` at the start of the run; a resumed run keeps it."""
    min_lr: float = Field(0.0, ge=0)
    """Lowest rate."""
    plateau_factor: float = Field(0.5, gt=0, lt=1)
    """plateau: multiplies the rate ..."""
    plateau_patience: int = Field(2, ge=1)
    """plateau: ... when this many evaluations brought nothing better."""

    average: Literal["none", "ema", "last"] = "none"
    """Evaluate and ship averaged weights: an exponential moving average, or the mean of the last evaluations'."""
    ema_decay: float = Field(0.999, gt=0, lt=1)
    """ema: what the average keeps at each update."""
    average_last: int = Field(5, ge=2)
    """last: number of evaluations whose weights are averaged."""

    evaluate_every: Updates = 0.05
    """Updates between evaluations, each with a checkpoint: a number, or a share of the run such as 0.05."""
    evaluate_sentences: int | None = Field(None, ge=1)
    """Development pairs, evenly from all, that are translated for BLEU and chrF; by default all. The loss takes all."""
    evaluate_beam: Beam = 1
    """Beam of these translations."""
    measure: Literal["loss", "bleu", "chrf"] = "loss"
    """What makes a checkpoint the best."""
    patience: int | None = Field(None, ge=1)
    """Stop when this many evaluations in a row brought nothing better."""
    log_every: int = Field(50, ge=1)
    """Updates between lines of the log."""
    tensorboard: bool = False
    """Write TensorBoard events too (needs the package tensorboard)."""

    @model_validator(mode="after")
    def _keep_horizon(self):
        if self.horizon is None:
            # Kept with the run, so that more steps in a resumed one change none of its past rates.
            object.__setattr__(self, "horizon", self.steps)
        return self

    @property
    def warmup_updates(self) -> int:
        """The length of the warm-up in updates."""
        return self._updates(self.warmup)

    @property
    def evaluation_interval(self) -> int:
        """Updates between two evaluations."""
        return max(1, self._updates(self.evaluate_every))

    def _updates(self, value: int | float) -> int:
        return value if isinstance(value, int) else round(value * self.horizon)

    def idle(self) -> Iterator[str]:
        yield from super().idle()
        if self.schedule not in ("constant", "cosine") and self.warmup_updates >= self.steps:
            yield (
                f"schedule: {self.schedule} has no effect: the warm-up takes {self.warmup_updates} updates, "
                f"and steps is {self.steps}"
            )
        evaluations = -(-self.steps // self.evaluation_interval)
        if self.average == "last" and self.average_last > evaluations:
            yield f"average_last: {self.average_last} is more than the number of evaluations, {evaluations}"
        if self.schedule == "cosine" and self.horizon < self.steps and self.min_lr == 0:
            yield f"steps: {self.steps} is too large: the rate is 0 after update {self.horizon}, the horizon"

    def conflicts(self) -> Iterator[Conflict]:
        if not all(0 <= beta < 1 for beta in self.betas):
            yield Conflict(("betas",), "betas must be at least 0 and below 1")
        if self.r_drop and self.simcut:
            message = "r_drop and simcut both hold a second pass to the first, for different reasons: choose one"
            yield Conflict(("r_drop", "simcut"), message)
        if self.simcut and not self.cutoff:
            yield Conflict(("simcut", "cutoff"), "simcut needs something to cut off: set cutoff, 0.05 is usual")
        if self.min_lr > self.lr:
            yield Conflict(("min_lr", "lr"), f"min_lr ({self.min_lr:g}) must not be larger than lr ({self.lr:g})")
        if self.evaluate_every == 0:
            yield Conflict(("evaluate_every",), "evaluate_every: 0 updates between evaluations; take 1 or more")
        if self.schedule == "cosine" and self.warmup_updates >= self.horizon:
            message = (
                f"warmup: {self.warmup_updates} updates leave the cosine schedule no time to fall: it ends after "
                f"update {self.horizon}; lower warmup, or give a share such as 0.1"
            )
            yield Conflict(("warmup", "horizon", "steps", "schedule"), message)
