"""From a config to a finished run: what there is to check first, who takes part, and the training itself."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nmt import runtime
from nmt.config import Config
from nmt.data.prepare import prepare
from nmt.training import run_folder
from nmt.training.events import Finished, Listener, Preparing
from nmt.training.interrupt import holding_signals
from nmt.training.log import require_tensorboard
from nmt.training.ranks import joined
from nmt.training.trainer import Trainer


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
    a checkpoint, tell `on_event` and raise KeyboardInterrupt. Called in each of the processes that `torchrun` starts,
    all of them share the work; the first alone writes, and calls `on_event`.

    Raises an NMTError when the config, the data, the run folder or the course of the training is at fault.
    """
    with _ready(config, resume=resume, force=force, device=device, on_event=on_event) as trainer:
        trainer.check()
        if resume:
            trainer.resume()
        elif trainer.ranks.first:
            run_folder.create(config)
        return trainer.run()


def rehearse(
    config: Config,
    *,
    resume: bool = False,
    force: bool = False,
    device: torch.device | str = "auto",
    on_event: Listener | None = None,
) -> None:
    """All that `train` does before its first update; what it found is told in the event `Checked`."""
    with _ready(config, resume=resume, force=force, device=device, on_event=on_event) as trainer:
        trainer.check()


@contextmanager
def _ready(
    config: Config, *, resume: bool, force: bool, device: torch.device | str, on_event: Listener | None
) -> Iterator["Trainer"]:
    listen = on_event or (lambda event: None)
    if config.training.deterministic:
        runtime.make_deterministic()
    device = runtime.choose_device(str(device))
    if runtime.rank() == 0:
        run_folder.check(config, resume=resume, force=force)
    if config.training.tensorboard:
        require_tensorboard()
    prepared = prepare(config, on_progress=lambda stage, done: listen(Preparing(stage, done)))
    with holding_signals() as guard, joined(device) as ranks:
        yield Trainer(config, prepared, device=device, ranks=ranks, listen=listen, guard=guard)
