"""The training loop: updates, evaluations and checkpoints, in an order that no crash can spoil."""

import copy
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor

from nmt import bundle, runtime, tensors
from nmt.config import Config
from nmt.data.batching import Batch, updates
from nmt.data.prepare import Prepared
from nmt.errors import CheckpointError
from nmt.models import build
from nmt.training import checkpoint, events, facts, preflight, run_folder
from nmt.training.averaging import Average
from nmt.training.interrupt import Guard
from nmt.training.learner import Learner
from nmt.training.log import Log
from nmt.training.ranks import Ranks
from nmt.training.schedule import learning_rate
from nmt.training.state import State, Window
from nmt.training.validation import Scores, is_better, perplexity, validate


class Trainer:
    """One run: the weights, and where they are on their way."""

    def __init__(
        self, config: Config, prepared: Prepared, *, device: torch.device, ranks: Ranks, guard: Guard,
        listen: events.Listener,
    ):  # fmt: skip
        runtime.keep_freed_memory()
        torch.manual_seed(config.training.seed)
        self.config, self.settings, self.prepared = config, config.training, prepared
        self.ranks, self.guard, self.listen = ranks, guard, listen
        model = build(config.model, prepared.tokenizers.source.size, prepared.tokenizers.target.size)
        # Float32, filled for each evaluation. Copied first: a GPU lays a recurrent layer's weights into one block.
        self.shipped = copy.deepcopy(model).to(device).eval().requires_grad_(False)
        self.learner = Learner(model, self.settings, device=device, ranks=ranks)
        self.average = Average(self.learner.optimizer.masters, self.settings)
        machine = {**runtime.describe(device), "processes": ranks.count}
        self.facts = facts.of_run(config, prepared, self.shipped, self.learner.precision, machine)
        self.state = State(prepared.key, {**machine, "precision": self.facts["precision"]}, prepared.texts)
        self.sums: list[Tensor] = []  # [loss, nll, tokens] of each update since the last line of the log
        self.log: Log | None = None  # of the first rank, while it runs
        self.clock = time.perf_counter()

    def check(self) -> None:
        """Do once what the run will do, and say what to expect of it."""
        self.listen(events.Checking(self.config.run))
        try:
            with self.guard.at_once():
                rehearsal = preflight.rehearse(self.learner, self.prepared, self.config)
                if self.ranks.first:
                    self.listen(events.Checked(preflight.forecast(
                        self.learner, self.shipped, self.prepared, self.config, run=self.facts, rehearsal=rehearsal,
                    )))  # fmt: skip
        except KeyboardInterrupt:
            self.guard.deliver()

    def resume(self) -> None:
        """Go back to the last checkpoint, or to the beginning when the run was killed before its first."""
        if self.ranks.first and (folder := self.config.run / run_folder.LAST).is_dir():
            self._restore(folder)
        self.learner.copy_first()
        self._copy_state()

    def _restore(self, folder: Path) -> None:
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

    def _copy_state(self) -> None:
        """Every rank counts for itself; what an evaluation or a checkpoint brought, the first one tells."""
        told = State.from_json(self.ranks.tell(self.state.to_json()))
        if not self.ranks.first:
            vars(self.state).update(vars(told))

    def run(self) -> events.Finished:
        """Train until the config's end and tell how it went."""
        before = self.state.step
        if self.ranks.first:
            self.log = Log(self.config.run, keep=self.state.logged, step=before, tensorboard=self.settings.tensorboard)
        try:
            if self.state.logged == 0:
                self._note("started", **self.facts)
            self._announce()
            self.clock = time.perf_counter()
            reason = self._loop()
            return self._finish(reason, self.state.step - before)
        finally:
            if self.log is not None:
                self.log.close()

    def _note(self, event: str, **values) -> None:
        if self.log is not None:
            self.log.write(event, **values)

    def _announce(self) -> None:
        data = self.facts["data"]
        self.listen(events.Started(
            folder=self.config.run, report=self.prepared.report, parameters=self.facts["parameters"],
            pairs=data["pairs"], target_tokens=data["target_pieces"] + data["pairs"], step=self.state.step,
            steps=self.settings.steps, precision=self.facts["precision"], machine=self.facts["machine"],
            seed=self.settings.seed, changes=self._changes(),
        ))  # fmt: skip

    def _changes(self) -> list[str]:
        """What differs since the run began and has a say in the last bits."""
        began, now = self.state.machine, {**self.facts["machine"], "precision": self.facts["precision"]}
        return [f"{name}: {began.get(name)} -> {now[name]}" for name in now if began.get(name) != now[name]]

    def _loop(self) -> str:
        """Evaluate when it is due, stop when all is done, else update: whatever was interrupted is found again."""
        rows = self._updates()
        while True:
            step, settings = self.state.step, self.settings
            over = step >= settings.steps
            if step > self.state.evaluated and (over or step % settings.evaluate_every == 0):
                self._evaluate()
            if over:
                return "steps"
            if settings.patience is not None and self.state.waiting >= settings.patience:
                return "patience"
            self._update(*next(rows))
            if self._signalled():
                self._stop()

    def _updates(self) -> Iterator[tuple[list[Batch], bool]]:
        """The data from where the state is, pass after pass, and whether an update is the last of its pass."""
        settings, state = self.settings, self.state
        while True:
            rest = updates(
                self.prepared.train, batch_tokens=settings.batch_tokens, accumulate=settings.accumulate,
                pool=settings.pool, seed=settings.seed, epoch=state.epoch, skip=state.consumed,
            )  # fmt: skip
            batches = next(rest)
            while batches is not None:
                following = next(rest, None)
                yield batches, following is None
                batches = following

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
        self.sums.append(done.sums)
        self.average.update(state.step)
        state.target_tokens += done.tokens
        state.window.tokens += done.tokens
        state.window.seconds += self._lap()
        remaining = (settings.steps - state.step) * state.seconds / state.step
        self.listen(events.Updated(state.step, settings.steps, state.window.tokens / state.window.seconds, remaining))
        if state.step % settings.log_every == 0:
            self._report(rate, done.norm)

    def _report(self, rate: float, norm: Tensor) -> None:
        """One line of the log: the only time that training waits for the device."""
        state, window = self.state, self.state.window
        sums = torch.stack(self.sums).tolist()
        self._look_for_spikes(sums)
        loss_sum, nll, tokens = (math.fsum(column) for column in zip(*sums, strict=True))
        window.seconds += self._lap()
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

    def _evaluate(self) -> None:
        """The first rank evaluates, and tells the others what came of it."""
        self._lap()
        if self.ranks.first:
            self._evaluate_alone()
        if self._signalled():
            self._stop()
        self._copy_state()
        self._lap()  # writing files is not counted as the next update's time

    def _evaluate_alone(self) -> None:
        before = self.state.seconds
        self.listen(events.Evaluating(self.state.step))
        weights = self.average.current()
        tensors.fill(dict(self.shipped.named_parameters()), weights, name="the model")
        try:
            with self.guard.at_once():
                scores = validate(self.shipped, self.prepared, self.config, device=self.learner.device)
        except KeyboardInterrupt:
            return
        self.average.evaluated()
        self._lap()
        self._record(scores, weights, self.state.seconds - before)

    def _record(self, scores: Scores, weights: dict[str, Tensor], seconds: float) -> None:
        """Take note of an evaluation. best/ and model/ go before last/: killed in between, the run evaluates again."""
        state, settings, folder = self.state, self.settings, self.config.run
        value = scores.measured(settings.measure)
        better = is_better(value, state.best and state.best["value"], settings.measure)
        state.evaluated = state.step
        state.waiting = 0 if better else state.waiting + 1
        state.plateau = state.plateau.after(better, settings)
        noted = {"step": state.step, "epoch": state.current_epoch, **scores.to_json()}
        self._note("evaluated", **noted, best=better, seconds=seconds)
        if better:
            state.best = {**noted, "measure": settings.measure, "value": value}
            self._checkpoint(run_folder.BEST, weights)
            bundle.save(
                folder / run_folder.MODEL, weights=weights, tokenizers=self.prepared.tokenizers, config=self.config,
                facts=facts.card(self.facts, self.state),
            )  # fmt: skip
        elif state.best is not None:
            bundle.describe(folder / run_folder.MODEL, facts.card(self.facts, state))
        self._save()
        self.listen(events.Evaluated(state.step, state.current_epoch, scores, better, seconds))

    def _save(self) -> None:
        self.state.logged = self.log.sync()
        training = {"optimizer": self.learner.optimizer.state(), "average": self.average.state()}
        self._checkpoint(run_folder.LAST, self.learner.optimizer.masters, training)

    def _checkpoint(
        self, name: str, weights: dict[str, Tensor], training: dict[str, dict[str, Tensor]] | None = None
    ) -> None:
        self.state.window.sums = torch.stack(self.sums).tolist() if self.sums else []
        checkpoint.save(self.config.run / name, weights=weights, state=self.state, training=training)

    def _signalled(self) -> bool:
        """Whether a signal came to one of the ranks: all of them stop at the same place."""
        self.guard.pending = self.ranks.largest(self.guard.pending or 0) or None
        return self.guard.pending is not None

    def _stop(self) -> NoReturn:
        """Save everything; only then the signal has its way."""
        self._lap()
        if self.ranks.first:
            self._save()
        self.listen(events.Stopped(self.config.run, self.state.step))
        self.guard.deliver()

    def _finish(self, reason: str, done: int) -> events.Finished:
        state = self.state
        finished = events.Finished(self.config.run, reason, done, state.step, state.epoch, state.best, state.seconds)
        self.listen(finished)
        return finished

    def _lap(self) -> float:
        """Seconds since the last call, which count as the run's."""
        now = time.perf_counter()
        seconds, self.clock = now - self.clock, now
        self.state.seconds += seconds
        return seconds
