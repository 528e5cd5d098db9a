"""From a config to a finished run: what there is to check first, who takes part, and the training itself."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import torch

from nmt import config as settings
from nmt import runtime
from nmt.config import Config, TokenizerConfig, TrainingConfig
from nmt.data.prepare import prepare
from nmt.data.vocabulary import base_tokenizers
from nmt.errors import NMTError
from nmt.training import finetuning, run_folder
from nmt.training.events import Finished, Listener, Mended, Preparing, Unbegun
from nmt.training.finetuning import configure
from nmt.training.interrupt import ECHO, holding_signals
from nmt.training.log import require_tensorboard
from nmt.training.ranks import Ranks, joined
from nmt.training.trainer import Trainer
from nmt.workers import count_cores

MOST_DRAWERS = 8
"""Processes that draw segmentations for a GPU; one draws for about 100,000 target tokens a second."""


def train(
    config: Config,
    *,
    resume: bool = False,
    force: bool = False,
    device: torch.device | str = "auto",
    workers: int | None = 1,
    on_event: Listener | None = None,
) -> Finished:
    """Train a model as the config says, from text to the bundle in the run folder.

    `resume` goes on with a run exactly as if it had not been interrupted, and starts one that left nothing to go on
    from; `force` replaces one. Ctrl-C and SIGTERM save a checkpoint, tell `on_event` and raise KeyboardInterrupt.
    Called in each of the processes that `torchrun` starts, all of them share the work; the first alone writes, and
    calls `on_event`. `workers` processes prepare the text, and draw its segmentations where the config samples them;
    None takes as many as pay.

    Raises an NMTError when the config, the data, the run folder or the course of the training is at fault.
    """
    with _ready(config, resume=resume, force=force, device=device, workers=workers, on_event=on_event) as trainer:
        if trainer.ranks.first:
            run_folder.keep_config(trainer.config) if resume else run_folder.create(trainer.config)
            if config.finetune and not run_folder.has_checkpoint(config.run):
                run_folder.keep_base(config.run, base_tokenizers(config))
        return trainer.run()


def finetune(model: str | Path, path: str | Path, overrides: Sequence[str] = (), **options: Any) -> Finished:
    """Go on from a finished `model`, a run folder or bundle, as the config file at `path` says, with the options of
    `train`. What the file need not hold comes from the model: see nmt.training.configure."""
    config = configure(path, overrides, model=model, resume=options.get("resume", False))
    return train(config, **options)


def rehearse(config: Config, **options: Any) -> None:
    """What `train` does before its first update, with the same options; the event `Checked` tells what was found."""
    made = not config.run.exists()
    with _ready(config, **options) as trainer:
        if trainer.over():
            trainer.run()  # which says so, and does no more
    if made:
        with suppress(OSError):
            config.run.rmdir()  # it was for the lock; one that holds anything stays


@contextmanager
def _ready(
    config: Config, *, resume: bool = False, force: bool = False, device: torch.device | str = "auto",
    workers: int | None = 1, on_event: Listener | None = None,
) -> Iterator[Trainer]:  # fmt: skip
    """The trainer in its run folder, restored where it resumes, after everything that it will do was tried once."""
    if config.training.deterministic:
        runtime.make_deterministic()
    device = runtime.choose_device(str(device))
    # Joined first of all, so that a fault that one of them finds ends the others at once.
    with joined(device) as ranks, run_folder.claimed(config.run) if ranks.first else nullcontext():
        texts, listen = None, lambda event: None
        if ranks.first:
            listen = on_event or listen
            config, texts = _examine(config, resume=resume, force=force, listen=listen)
        config = _agreed(config, ranks)
        if config.training.tensorboard:
            require_tensorboard()
        prepared = prepare(
            config, texts=texts, on_progress=lambda stage, done: listen(Preparing(stage, done)), workers=workers,
            cores=torch.get_num_threads(),
        )  # fmt: skip
        if prepared.mended:
            listen(Mended(prepared.folder))
        if ranks.tell(prepared.key) != prepared.key:
            raise NMTError(
                f"{prepared.folder}: rank {ranks.rank} has another text than rank 0, or other settings for it",
                hint="give each machine the same files and the same config",
            )
        with holding_signals() as guard:
            guard.echo = ECHO if ranks.count > 1 else 0.0
            start = None
            if config.finetune and not ranks.tell(resume and run_folder.has_checkpoint(config.run)):
                start = finetuning.weights(config.finetune, prepared.tokenizers)
            trainer = Trainer(
                config, prepared, device=device, ranks=ranks, listen=listen, guard=guard, start=start,
                drawers=_drawers(device, ranks) if workers is None else workers,
            )  # fmt: skip
            if resume:
                trainer.resume()
            if not trainer.over():
                trainer.check()
            yield trainer


def _agreed(config: Config, ranks: Ranks) -> Config:
    """The config as the first rank has it: a resumed run may keep settings of its own, which it alone has read."""
    kept = {"training": TrainingConfig, "tokenizer": TokenizerConfig}
    told = ranks.tell({name: getattr(config, name).model_dump(mode="json") for name in kept})
    return config.model_copy(
        update={name: settings.check(section, told[name], name="rank 0") for name, section in kept.items()}
    )


def _drawers(device: torch.device, ranks: Ranks) -> int:
    """Processes that draw segmentations: where the cores compute they draw as well; a GPU would wait for them."""
    return 1 if device.type == "cpu" else max(1, min(MOST_DRAWERS, count_cores() // ranks.count))


def _examine(
    config: Config, *, resume: bool, force: bool, listen: Listener
) -> tuple[Config, dict[str, str] | None]:  # fmt: skip
    """What the run folder says: the config to train with, and the digests that the text must have."""
    config = run_folder.check(config, resume=resume, force=force)
    if not resume:
        return config, None
    if run_folder.has_checkpoint(config.run):
        return config, run_folder.texts(config.run)
    listen(Unbegun(config.run))
    return config, None
