"""The training loop: updates, evaluations and checkpoints, in an order that no crash can spoil."""

import copy
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor

from nmt import bundle, runtime, tensors
from nmt.config import Config
from nmt.data.batching import Batch, updates
from nmt.data.prepare import Prepared, prepare
from nmt.errors import CheckpointError
from nmt.models import build
from nmt.training import checkpoint, facts, loss, run_folder
from nmt.training.averaging import Average
from nmt.training.events import Evaluated, Evaluating, Event, Finished, Preparing, Progress, Started, Stopped, Updated
from nmt.training.interrupt import Guard, holding_signals
from nmt.training.log import Log, require_tensorboard
from nmt.training.optimizer import Optimizer
from nmt.training.schedule import learning_rate
from nmt.training.state import State, Window
from nmt.training.validation import Scores, is_better, perplexity, validate

Listener = Callable[[Event], None]


def train(
    config: Config,
    *,
    resume: bool = False,
    force: bool = False,
    device: torch.device | str = "auto",
    on_event: Listener | None = None,
) -> Finished:
    """Train a model as the config says, from text to the bundle in the run folder.

    `resume` goes on with a run exactly as if it had not been interrupted; `force` replaces one. Ctrl-C and SIGTERM save
    a checkpoint, tell `on_event` and raise KeyboardInterrupt.

    Raises an NMTError when the config, the data, the run folder or the course of the training is at fault.
    """
    listen = on_event or (lambda event: None)
    device = runtime.choose_device(str(device))
    run_folder.check(config, resume=resume, force=force)
    if config.training.tensorboard:
        require_tensorboard()
    prepared = prepare(config, on_progress=lambda stage, done: listen(Preparing(stage, done)))
    with holding_signals() as guard:
        trainer = Trainer(config, prepared, device=device, listen=listen, guard=guard)
        if resume:
            trainer.resume()
        else:
            run_folder.create(config)
        return trainer.run()


class Trainer:
    """One run: the weights, and where they are on their way."""

    def __init__(self, config: Config, prepared: Prepared, *, device: torch.device, listen: Listener, guard: Guard):
        runtime.keep_freed_memory()
        torch.manual_seed(config.training.seed)  # the data's order has generators of its own, seeded for each epoch
        self.config, self.settings, self.prepared = config, config.training, prepared
        self.device, self.listen, self.guard = device, listen, guard
        model = build(config.model, prepared.tokenizers.source.size, prepared.tokenizers.target.size)
        # Float32, filled for each evaluation. Copied first: a GPU lays a recurrent layer's weights into one block.
        self.shipped = copy.deepcopy(model).to(device).eval().requires_grad_(False)
        self.model = model.to(device)
        self.precision = runtime.choose_precision(self.settings.precision, device)
        self.optimizer = Optimizer(self.model, self.settings, self.precision)
        self.average = Average(self.optimizer.masters, self.settings)
        self.facts = facts.of_run(config, prepared, self.shipped, self.precision, device)
        self.state = State(prepared.key)
        self.sums = torch.zeros(2, device=device)  # loss and nll since the last line of the log
        self.clock = time.perf_counter()

    def resume(self) -> None:
        """Go back to the last checkpoint, or to the beginning when the run was killed before its first."""
        run_folder.recover(self.config.run)
        if (folder := self.config.run / run_folder.LAST).is_dir():
            self._restore(folder)
        run_folder.write_config(self.config)

    def _restore(self, folder: Path) -> None:
        state, weights, training = checkpoint.load(folder)
        if state.prepared != self.prepared.key:
            raise CheckpointError(
                f"{self.config.run}: the text, or how it is prepared, has changed since the run began",
                hint="undo the change to resume, or train into another folder with run=...",
            )
        tensors.fill(self.optimizer.masters, weights, name=f"{folder / checkpoint.WEIGHTS}")
        moments = checkpoint.group("optimizer", training)
        tensors.fill(self.optimizer.state(), moments, name=f"{folder / checkpoint.TRAINING}")
        self.average.load(checkpoint.group("average", training))
        checkpoint.set_random_state(checkpoint.group("random", training), self.device)
        self.optimizer.refresh()
        self.sums.copy_(torch.tensor(state.window.sums))
        self.state = state

    def run(self) -> Finished:
        """Train until the config's end and tell how it went."""
        before = self.state.step
        self.log = Log(self.config.run, keep=self.state.logged, step=before, tensorboard=self.settings.tensorboard)
        try:
            if before == 0:
                self.log.write("started", **self.facts)
            self._announce()
            self.clock = time.perf_counter()
            reason = self._loop()
            return self._finish(reason, self.state.step - before)
        finally:
            self.log.close()

    def _announce(self) -> None:
        data = self.facts["data"]
        self.listen(Started(
            folder=self.config.run, report=self.prepared.report, parameters=self.facts["parameters"],
            pairs=data["pairs"], target_tokens=data["target_pieces"] + data["pairs"], step=self.state.step,
            steps=self.settings.steps, precision=self.facts["precision"], machine=self.facts["machine"],
            seed=self.settings.seed,
        ))  # fmt: skip

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
            self._update(next(rows))
            if self.guard.pending is not None:
                self._stop()

    def _updates(self) -> Iterator[list[Batch]]:
        """The data from where the state is, pass after pass."""
        settings, state = self.settings, self.state
        while True:
            yield from updates(
                self.prepared.train, batch_tokens=settings.batch_tokens, accumulate=settings.accumulate,
                pool=settings.pool, seed=settings.seed, epoch=state.epoch, skip=state.consumed,
            )  # fmt: skip
            assert state.consumed, "preparing leaves no corpus without pairs"
            state.epoch, state.consumed = state.epoch + 1, 0

    def _update(self, batches: list[Batch]) -> None:
        state, settings = self.state, self.settings
        tokens = 0
        for batch in batches:
            sums = loss.forward_backward(self.model, batch, smoothing=settings.label_smoothing, device=self.device)
            self.optimizer.add()
            self.sums += torch.stack(sums)
            tokens += loss.count(batch)
        state.step += 1
        state.consumed += 1
        rate = learning_rate(settings, state.step, state.plateau)
        norm = self.optimizer.step(tokens, rate)
        self.average.update(state.step)
        state.target_tokens += tokens
        state.window.tokens += tokens
        state.window.seconds += self._lap()
        remaining = (settings.steps - state.step) * state.seconds / state.step
        self.listen(Updated(state.step, settings.steps, state.window.tokens / state.window.seconds, remaining))
        if state.step % settings.log_every == 0:
            self._report(rate, norm)

    def _report(self, rate: float, norm: Tensor) -> None:
        """One line of the log: the only time that training waits for the device."""
        self.optimizer.check()
        state = self.state
        sums, window = self.sums.tolist(), state.window
        window.seconds += self._lap()
        progress = Progress(
            step=state.step, epoch=state.epoch + 1, loss=sums[0] / window.tokens,
            perplexity=perplexity(sums[1] / window.tokens), rate=rate, norm=norm.item(),
            skipped=int(self.optimizer.skipped.item()), target_tokens=state.target_tokens,
            tokens_per_second=window.tokens / window.seconds, seconds=state.seconds,
        )  # fmt: skip
        self.sums.zero_()
        state.window = Window()
        self.log.write("progress", **progress._asdict())
        self.listen(progress)

    def _evaluate(self) -> None:
        self._lap()
        before = self.state.seconds
        self.listen(Evaluating(self.state.step))
        weights = self.average.current()
        tensors.fill(dict(self.shipped.named_parameters()), weights, name="the model")
        try:
            with self.guard.at_once():
                scores = validate(self.shipped, self.prepared, self.config, device=self.device)
        except KeyboardInterrupt:
            self._stop()
        self.average.evaluated()
        self._lap()
        self._record(scores, weights, self.state.seconds - before)
        self._lap()  # writing files is not counted as the next update's time

    def _record(self, scores: Scores, weights: dict[str, Tensor], seconds: float) -> None:
        """Take note of an evaluation. best/ and model/ go before last/: killed in between, the run evaluates again."""
        state, settings, folder = self.state, self.settings, self.config.run
        value = scores.measured(settings.measure)
        better = is_better(value, state.best and state.best["value"], settings.measure)
        state.evaluated = state.step
        state.waiting = 0 if better else state.waiting + 1
        state.plateau = state.plateau.after(better, settings)
        noted = {"step": state.step, "epoch": state.epoch + 1, **scores.to_json()}
        self.log.write("evaluated", **noted, best=better, seconds=seconds)
        if better:
            state.best = {**noted, "measure": settings.measure, "value": value}
            checkpoint.save(folder / run_folder.BEST, weights=weights, state=state)
            bundle.save(
                folder / run_folder.MODEL, weights=weights, tokenizers=self.prepared.tokenizers, config=self.config,
                facts=facts.card(self.facts, self.state),
            )  # fmt: skip
        self._save()
        self.listen(Evaluated(state.step, state.epoch + 1, scores, better, seconds))

    def _save(self) -> None:
        state = self.state
        state.window.sums = tuple(self.sums.tolist())
        state.logged = self.log.sync()
        training = {
            "optimizer": self.optimizer.state(), "average": self.average.state(),
            "random": checkpoint.random_state(self.device),
        }  # fmt: skip
        folder = self.config.run / run_folder.LAST
        checkpoint.save(folder, weights=self.optimizer.masters, training=training, state=state)

    def _stop(self) -> NoReturn:
        """Save everything; only then the signal has its way."""
        self._lap()
        self._save()
        self.listen(Stopped(self.config.run, self.state.step))
        self.guard.deliver()

    def _finish(self, reason: str, done: int) -> Finished:
        state = self.state
        if done and state.best is not None:
            bundle.describe(self.config.run / run_folder.MODEL, facts.card(self.facts, self.state))
        finished = Finished(self.config.run, reason, done, state.step, state.epoch, state.best, state.seconds)
        self.listen(finished)
        return finished

    def _lap(self) -> float:
        """Seconds since the last call, which count as the run's."""
        now = time.perf_counter()
        seconds, self.clock = now - self.clock, now
        self.state.seconds += seconds
        return seconds
