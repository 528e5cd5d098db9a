"""The training loop: updates and evaluations, in an order that no crash can spoil.

What comes of them records.py counts, tells and writes.
"""

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import NoReturn

import torch
from torch import Tensor

from nmt import runtime, tensors
from nmt.config import Config
from nmt.data.ahead import Draw, drawing
from nmt.data.batching import Batch, endless_updates
from nmt.data.prepare import Prepared
from nmt.models import build
from nmt.training import events, finetuning, preflight, run_folder
from nmt.training.averaging import Average
from nmt.training.interrupt import Guard
from nmt.training.learner import Learner
from nmt.training.ranks import Ranks
from nmt.training.records import Records
from nmt.training.schedule import learning_rate
from nmt.training.state import State
from nmt.training.validation import validate


class Trainer:
    """One run: the weights, and where they are on their way."""

    def __init__(
        self, config: Config, prepared: Prepared, *, device: torch.device, ranks: Ranks, guard: Guard,
        listen: events.Listener, start: dict[str, Tensor] | None = None, drawers: int = 1,
    ):  # fmt: skip
        """`start` are the weights to begin with, where they are not drawn; `drawers` processes draw segmentations."""
        runtime.keep_freed_memory()
        torch.manual_seed(config.training.seed)
        self.config, self.settings, self.prepared = config, config.training, prepared
        self.ranks, self.guard, self.listen, self.drawers = ranks, guard, listen, drawers
        model = build(config.model, prepared.tokenizers.source.size, prepared.tokenizers.target.size)
        if start is not None:
            tensors.fill(dict(model.named_parameters()), start, name=str(config.finetune.model))
        if config.finetune:
            finetuning.freeze(model, config.finetune.freeze, kind=config.model.type)
        # Float32, filled for each evaluation. Copied first: a GPU lays a recurrent layer's weights into one block.
        self.shipped = copy.deepcopy(model).to(device).eval().requires_grad_(False) if ranks.first else None
        slots = len(prepared.tokenizers.source.slots)
        self.learner = Learner(model, self.settings, device=device, ranks=ranks, slots=slots)
        averaging = self.settings if ranks.first else self.settings.model_copy(update={"average": "none"})
        self.average = Average(self.learner.optimizer.trained, averaging)
        machine = {**runtime.describe(device), "processes": ranks.count}
        self.records = Records(config, prepared, self.learner, self.average, machine=machine, listen=listen)

    @property
    def state(self) -> State:
        """How far the run is."""
        return self.records.state

    def check(self) -> None:
        """Do once what the run will do, and say what to expect of it."""
        self.listen(events.Checking(self.config.run))
        try:
            with self.guard.at_once():
                rehearsal = preflight.rehearse(self.learner, self.prepared, self.config)
                if self.ranks.first:
                    self.listen(events.Checked(preflight.forecast(
                        self.learner, self.shipped, self.prepared, self.config, step=self.state.step,
                        run=self.records.facts, rehearsal=rehearsal,
                    )))  # fmt: skip
        except KeyboardInterrupt:
            self.guard.deliver()

    def resume(self) -> None:
        """Go back to the last checkpoint, or to the beginning when there is none yet."""
        if self.ranks.first and run_folder.has_checkpoint(self.config.run):
            self.records.restore(self.config.run / run_folder.LAST)
        self.learner.copy_first()
        self._copy_state()

    def _copy_state(self) -> None:
        """Every rank counts for itself; what an evaluation or a checkpoint brought, the first one tells."""
        told = State.from_json(self.ranks.tell(self.state.to_json()))
        if not self.ranks.first:
            vars(self.state).update(vars(told))

    def run(self) -> events.Finished:
        """Train until the config's end and tell how it went. A run that is over is left as it is."""
        before = self.state.step
        if reason := self.over():
            return self.records.finished(reason, 0)
        with self.records.writing() if self.ranks.first else nullcontext():
            self.records.started()
            if self.ranks.first and self.config.finetune and not run_folder.has_checkpoint(self.config.run):
                self.records.save()  # from here on the run needs nothing of the model that it goes on from
            reason = self._loop()
            return self.records.finished(reason, self.state.step - before)

    def over(self) -> str | None:
        """Why nothing is left to do, not even an evaluation; None when something is."""
        settings = self.settings
        if self._evaluation_is_due():
            return None
        if self.state.step >= settings.steps:
            return "steps"
        return "patience" if settings.patience is not None and self.state.waiting >= settings.patience else None

    def _evaluation_is_due(self) -> bool:
        step, settings = self.state.step, self.settings
        return step > self.state.evaluated and (step >= settings.steps or step % settings.evaluation_interval == 0)

    def _loop(self) -> str:
        """What is to be done follows from the state alone: whatever was interrupted is found again."""
        with self._drawing() as draw:
            rows = self._updates(draw)
            while not (reason := self.over()):
                if self._evaluation_is_due():
                    self._evaluate()
                else:
                    self._update(*next(rows))
                    if self._signalled():
                        self._stop()
            return reason

    def _drawing(self) -> AbstractContextManager[Draw | None]:
        """What draws the segmentations of a sampled corpus."""
        sampling = self.prepared.train.sampling
        return drawing(sampling.tokenizers, sampling.alpha, workers=self.drawers) if sampling else nullcontext()

    def _updates(self, draw: Draw | None) -> Iterator[tuple[list[Batch], bool]]:
        """The data from where the state is, pass after pass, and whether an update is the last of its pass."""
        settings, state = self.settings, self.state
        return endless_updates(
            self.prepared.train, batch_tokens=settings.batch_tokens, accumulate=settings.accumulate,
            pool=settings.pool, seed=settings.seed, epoch=state.epoch, skip=state.consumed, draw=draw,
        )  # fmt: skip

    def _update(self, batches: list[Batch], completes_pass: bool) -> None:
        state, settings = self.state, self.settings
        rate, splits = learning_rate(settings, state.step + 1, state.plateau), self.learner.splits
        done = self.learner.update(batches, step=state.step + 1, rate=rate, interrupted=self._signalled)
        if done is None:
            self._stop()
        state.step += 1
        state.epoch, state.consumed = (state.epoch + 1, 0) if completes_pass else (state.epoch, state.consumed + 1)
        if self.learner.splits and not splits:
            self.listen(events.Split(state.step))
        self.average.update(state.step)
        self.records.updated(done, rate)

    def _evaluate(self) -> None:
        """The first rank evaluates, and tells the others what came of it."""
        self.records.lap()
        if self.ranks.first:
            self._evaluate_alone()
        if self._signalled():
            self._stop()
        self._copy_state()
        self.records.lap()  # writing files is not counted as the next update's time

    def _evaluate_alone(self) -> None:
        if not run_folder.has_checkpoint(self.config.run):
            self.records.save()
        before = self.state.seconds
        self.listen(events.Evaluating(self.state.step))
        weights = {**self.learner.optimizer.masters, **self.average.current()}
        tensors.fill(dict(self.shipped.named_parameters()), weights, name="the model")
        try:
            with self.guard.at_once():
                scores = validate(self.shipped, self.prepared, self.config, device=self.learner.device)
        except KeyboardInterrupt:
            return
        self.average.evaluated()
        self.records.lap()
        self.records.evaluated(scores, weights, self.state.seconds - before)

    def _signalled(self) -> bool:
        """Whether a signal came to one of the ranks: all of them stop at the same place."""
        self.guard.pending = self.ranks.largest(self.guard.pending or 0) or None
        return self.guard.pending is not None

    def _stop(self) -> NoReturn:
        """Save everything; only then the signal has its way."""
        self.records.lap()
        if self.ranks.first:
            self.records.save()
        self.ranks.tell(None)  # the others wait for that: when one has ended, torchrun ends all
        self.listen(events.Stopped(self.config.run, self.state.step))
        self.guard.deliver()
