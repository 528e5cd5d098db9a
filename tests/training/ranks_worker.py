"""One of the processes of test_ranks.py: trains what jobs.json says, in float64."""

import json
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import torch

from nmt import config as settings
from nmt import tensors
from nmt.data.prepare import prepare
from nmt.training import loss, run_folder
from nmt.training.events import Updated
from nmt.training.interrupt import holding_signals
from nmt.training.ranks import PATIENCE, Ranks, joined
from nmt.training.trainer import Trainer

forward_backward = loss.forward_backward


def main(folder: Path) -> None:
    torch.set_default_dtype(torch.float64)
    with joined(torch.device("cpu")) as ranks:
        if ranks.count > 1:
            programs = ranks._programs._get_backend(torch.device("cpu"))
            assert programs.options._timeout == PATIENCE, "the first may evaluate for longer than torch's half an hour"
        for job in json.loads((folder / "jobs.json").read_text(encoding="utf-8")):
            work(folder, job, ranks)


def work(folder: Path, job: dict, ranks: Ranks) -> None:
    config = settings.check(settings.Config, job["config"], name="copy task", folder=folder)
    with holding_signals() as guard:
        listen = interrupt if job.get("stopped") == ranks.rank else lambda event: None
        trainer = Trainer(config, prepare(config), device=torch.device("cpu"), ranks=ranks, guard=guard, listen=listen)
        loss.forward_backward = forward_backward
        if job.get("short_of_memory") == ranks.rank:
            loss.forward_backward = short_of_memory
        if job.get("broken") == ranks.rank:
            loss.forward_backward = broken_at(3)
        if job.get("resume"):
            trainer.resume()
        elif ranks.first:
            run_folder.create(config)
        if "stopped" in job:
            stop(trainer)
        else:
            trainer.run()
        assert ranks.first == bool(trainer.average.state()) or config.training.average == "none"
        assert ranks.first == (trainer.shipped is not None)
    tensors.write(folder / f"{config.run.name}.{ranks.rank}.safetensors", trainer.learner.optimizer.masters)


def interrupt(event) -> None:
    """Ctrl-C in the second update."""
    if isinstance(event, Updated) and event.step == 2:
        signal.raise_signal(signal.SIGINT)


def stop(trainer: Trainer) -> None:
    """It is told to; and no rank leaves before the first, which takes its time, has saved."""
    save = trainer.records.save

    def save_slowly() -> None:
        time.sleep(0.5)
        save()

    trainer.records.save = save_slowly
    with suppress(KeyboardInterrupt):
        trainer.run()
    assert run_folder.has_checkpoint(trainer.config.run)


def short_of_memory(model, batch, **options):
    """Memory for two pairs."""
    if len(batch.src) > 2:
        forward_backward(model, batch, **options)  # leaves gradients behind, as a failure in the middle may
        raise RuntimeError("out of memory")
    return forward_backward(model, batch, **options)


def broken_at(call: int):
    """A gradient that is not a number, at one of the calls."""
    calls = 0

    def compute(model, batch, **options):
        nonlocal calls
        calls += 1
        sums = forward_backward(model, batch, **options)
        if calls == call:
            next(model.parameters()).grad.fill_(float("nan"))
        return sums

    return compute


main(Path(sys.argv[1]))
