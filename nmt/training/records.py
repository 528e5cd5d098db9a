"""What a run counts, tells and leaves behind: its State, events, lines of the log, checkpoints, the bundle.

The loop (trainer.py) says when. Every rank counts; the first alone is heard, and writes.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from nmt import bundle, runtime, tensors
from nmt.analysis.runs import read_log
from nmt.config import Config
from nmt.data.prepare import Prepared
from nmt.errors import CheckpointError
from nmt.training import checkpoint, events, facts, run_folder
from nmt.training.averaging import Average
from nmt.training.learner import Done, Learner
from nmt.training.log import Log
from nmt.training.outcome import judge
from nmt.training.state import State, Window
from nmt.training.validation import Scores, is_better, perplexity

Weights = dict[str, Tensor]


class Records:
    """Of one run."""

    def __init__(
        self, config: Config, prepared: Prepared, learner: Learner, average: Average, *, machine: facts.Facts,
        listen: events.Listener,
    ):  # fmt: skip
        self.config, self.settings, self.prepared = config, config.training, prepared
        self.learner, self.average, self.listen = learner, average, listen
        self.facts = facts.of_run(config, prepared, learner.model, learner.precision, machine)
        self.state = State(prepared.key, {**machine, "precision": self.facts["precision"]}, prepared.texts)
        self.sums: list[Tensor] = []  # [loss, nll, tokens] of each update since the last line of the log
        self.log: Log | None = None  # while it is open
        self.clock = time.perf_counter()

    def restore(self, folder: Path) -> None:
        """Go back to a checkpoint, as `save` wrote it."""
        state, weights, training = checkpoint.load(folder)
        if state.prepared != self.prepared.key:
            raise CheckpointError(
                f"{self.config.run}: this nmt prepares the text in another way than the one that began the run",
                hint="resume with the nmt that began it, or train into another folder with run=...",
            )
        optimizer, name = self.learner.optimizer, str(folder / checkpoint.TRAINING)
        tensors.fill(optimizer.masters, weights, name=str(folder / checkpoint.WEIGHTS))
        tensors.fill(optimizer.state(), checkpoint.group("optimizer", training), name=name)
        self.average.load(checkpoint.group("average", training), name=name)
        optimizer.refresh()
        self.sums = list(torch.tensor(state.window.sums, device=self.learner.device))
        self.state = state

    @contextmanager
    def writing(self) -> Iterator[None]:
        """In this block the log is open."""
        state = self.state
        self.log = Log(self.config.run, keep=state.logged, step=state.step, tensorboard=self.settings.tensorboard)
        try:
            if state.logged == 0:
                self._note("started", **self.facts)
            yield
        finally:
            self.log.close()

    def _note(self, event: str, **values) -> None:
        if self.log is not None:
            self.log.write(event, **values)

    def started(self) -> None:
        """Say what begins, or goes on; the clock runs from here."""
        data = self.facts["data"]
        self.listen(events.Started(
            folder=self.config.run, report=self.prepared.report, parameters=self.facts["parameters"],
            frozen=self._frozen(),
            pairs=data["pairs"], target_tokens=self.prepared.train.target_tokens_of_pass(), step=self.state.step,
            steps=self.settings.steps, precision=self.facts["precision"], machine=self.facts["machine"],
            seed=self.settings.seed, changes=self._changes(),
        ))  # fmt: skip
        self.clock = time.perf_counter()

    def _frozen(self) -> int:
        """Parameters that learn nothing."""
        return sum(weight.numel() for weight in self.learner.model.parameters() if not weight.requires_grad)

    def _changes(self) -> list[str]:
        """What differs since the run began and has a say in the last bits."""
        began, now = self.state.machine, {**self.facts["machine"], "precision": self.facts["precision"]}
        return [f"{name}: {began.get(name)} -> {now[name]}" for name in now if began.get(name) != now[name]]

    def lap(self) -> float:
        """Seconds since the last call, which count as the run's."""
        now = time.perf_counter()
        seconds, self.clock = now - self.clock, now
        self.state.seconds += seconds
        return seconds

    def updated(self, done: Done, rate: float) -> None:
        """The state's last update was this one."""
        state, steps = self.state, self.settings.steps
        self.sums.append(done.sums)
        state.target_tokens += done.tokens
        state.window.tokens += done.tokens
        state.window.seconds += self.lap()
        remaining = (steps - state.step) * state.seconds / state.step
        self.listen(events.Updated(state.step, steps, state.window.tokens / state.window.seconds, remaining))
        if state.step % self.settings.log_every == 0 or state.step == steps:
            self._report(rate, done.norm)

    def _report(self, rate: float, norm: Tensor) -> None:
        """One line of the log: the only time that training waits for the device."""
        state, window = self.state, self.state.window
        sums = torch.stack(self.sums).tolist()
        self._look_for_spikes(sums)
        loss_sum, nll, tokens = (math.fsum(column) for column in zip(*sums, strict=True))
        window.seconds += self.lap()
        progress = events.Progress(
            step=state.step, epoch=state.current_epoch, loss=loss_sum / tokens if tokens else math.nan,
            perplexity=perplexity(nll / tokens) if tokens else math.nan, rate=rate, norm=norm.item(),
            skipped=self.learner.optimizer.count_skipped(), target_tokens=state.target_tokens,
            tokens_per_second=window.tokens / window.seconds, seconds=state.seconds,
        )  # fmt: skip
        self.sums.clear()
        state.window = Window()
        self._note("progress", **progress._asdict())
        self.listen(progress)

    def _look_for_spikes(self, sums: list[list[float]]) -> None:
        state = self.state
        for step, (loss_sum, _nll, tokens) in enumerate(sums, state.step + 1 - len(sums)):
            if not tokens:
                continue
            spike = events.Spike(step, loss_sum / tokens, state.usual.mean)
            if state.usual.is_spike(spike.loss):
                self._note("spike", **spike._asdict())
                self.listen(spike)
            state.usual = state.usual.after(spike.loss)

    def evaluated(self, scores: Scores, weights: Weights, seconds: float) -> None:
        """`weights` have these scores. best/ and model/ go before last/: killed in between, the run evaluates again."""
        state, settings = self.state, self.settings
        value = scores.measured(settings.measure)
        better = is_better(value, state.best and state.best["value"], settings.measure)
        state.evaluated, state.alike = state.step, scores.alike
        state.waiting = 0 if better else state.waiting + 1
        state.plateau = state.plateau.after(better, settings)
        noted = {"step": state.step, "epoch": state.current_epoch, **scores.to_json()}
        memory = runtime.peak_memory(self.learner.device)
        self._note("evaluated", **noted, alike=scores.alike, best=better, seconds=seconds, memory=memory)
        if better:
            state.best = {**noted, "measure": settings.measure, "value": value}
            self._ship(weights)
        elif state.best is not None:
            bundle.describe(self.config.run / run_folder.MODEL, facts.card(self.facts, state))
        self.save()
        self.listen(events.Evaluated(state.step, state.current_epoch, scores, better, seconds))

    def _ship(self, weights: Weights) -> None:
        self._checkpoint(run_folder.BEST, weights)
        bundle.save(
            self.config.run / run_folder.MODEL, weights=weights, tokenizers=self.prepared.tokenizers,
            config=self.config, sources=self.prepared.report.sources, facts=facts.card(self.facts, self.state),
        )  # fmt: skip

    def save(self) -> None:
        """Write all that `restore` needs."""
        self.state.logged = self.log.sync()
        training = {"optimizer": self.learner.optimizer.state(), "average": self.average.state()}
        self._checkpoint(run_folder.LAST, self.learner.optimizer.masters, training)

    def _checkpoint(self, name: str, weights: Weights, training: dict[str, Weights] | None = None) -> None:
        self.state.window.sums = torch.stack(self.sums).tolist() if self.sums else []
        checkpoint.save(self.config.run / name, weights=weights, state=self.state, training=training)

    def finished(self, reason: str, done: int) -> events.Finished:
        """Report how training ended; `done` are the updates since it was started or resumed."""
        state = self.state
        log = self.config.run / run_folder.LOG
        verdicts = judge(read_log(log), measure=self.settings.measure, alike=state.alike) if log.exists() else ()
        finished = events.Finished(
            self.config.run, reason, done, state.step, state.epoch, state.best, state.seconds, verdicts
        )
        self.listen(finished)
        return finished
