"""The run folder: who may write into it, and what may change between a run and its resumption."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nmt import bundle, files, locks, streams
from nmt import config as settings
from nmt.config import Config
from nmt.data.tokenizer import Tokenizers, save_tokenizers
from nmt.data.vocabulary import BASE
from nmt.errors import CheckpointError, ConfigError, NMTError
from nmt.escapes import shell
from nmt.training import checkpoint

CONFIG, LOG, BEST, LAST, MODEL, TENSORBOARD = "config.yaml", "log.jsonl", "best", "last", "model", "tensorboard"
OURS = (LAST, BEST, MODEL, TENSORBOARD, LOG, BASE, CONFIG)
"""All that a run writes, in the order in which it is removed: no resumed run finds a checkpoint without its log, and a
folder is known as a run by its config's first line."""
LOCK, TRIAL = ".lock", ".preflight"

MARK = "# A run of nmt: the settings with every default filled in."

MAY_CHANGE = (
    "run", "data.cache", "search", "export", "finetune.model", "finetune.words",
    "training.steps", "training.patience", "training.log_every", "training.tensorboard",
    "training.evaluate_every", "training.evaluate_sentences", "training.evaluate_beam",
)  # fmt: skip
"""Settings that undo no update that was made: none of its learning rates, batches and random numbers follows from them.
Where evaluations have a say in what comes (the plateau schedule, patience, the average of the last) a change of theirs
is heard from now on. Text may move; what it says is part of the prepared data's key."""


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep all other trainings out of a run folder, and undo first what a crash left half done.

    Raises NMTError when another training is at work there.
    """
    streams.refuse(folder)
    if folder.exists() and not folder.is_dir():
        raise NMTError(f"{folder}: is a file, not a folder", hint="name another folder with run=...")
    with locks.lock(folder / LOCK) as alone:
        if not alone:
            raise NMTError(
                f"{folder}: another training writes here", hint="wait for its end, or name another folder with run=..."
            )
        files.remove(folder / TRIAL)  # of a process that was killed
        for name in (TRIAL, *OURS, *(f"{MODEL}/{name}" for name in bundle.DESCRIPTIONS)):
            if (folder / name).parent.is_dir():
                files.recover(folder / name)
        yield


def check(config: Config, *, resume: bool, force: bool) -> Config:
    """The config to train with: the given one, where a resumed run keeps what it has decided.

    Raises an NMTError, before any work, when the run folder is not as `resume` and `force` promise.
    """
    folder = config.run
    occupied = folder.is_dir() and any(path.name != LOCK for path in folder.iterdir())
    if occupied and not _is_run(folder):
        raise NMTError(f"{folder}: holds something else than a run", hint="name an empty or a new folder with run=...")
    if occupied and not (resume or force):
        raise NMTError(
            f"{folder}: the run exists", hint="--resume goes on with it, --force replaces it, run=... names another"
        )
    if not resume:
        return config
    if not has_checkpoint(folder):
        if any((folder / name).exists() for name in (BEST, MODEL)):
            raise CheckpointError(
                f"{folder}: there is a model, but last/, from which the run could go on, is gone",
                hint="--force replaces the run and its model, run=... names another folder",
            )
        return config
    before = settings.load(folder / CONFIG)
    config, before = _without_slots(_with_horizon(config, before), before)
    _compare(config, before)
    return config


def has_checkpoint(folder: Path) -> bool:
    """Whether there is anything to go on from. It comes before the first model."""
    return (folder / LAST).is_dir()


def texts(folder: Path) -> dict[str, str]:
    """Digests of the text files that a run's checkpoint was trained on."""
    return checkpoint.read_state(folder / LAST).texts


def finished_step(config: Config) -> int:
    """Updates of a run that is over. Raises CheckpointError if it has no checkpoint, NMTError if it is not over."""
    folder = config.run
    if not has_checkpoint(folder):
        raise CheckpointError(f"{folder}: no checkpoint to extend", hint="train first, without --extend")
    state, before = checkpoint.read_state(folder / LAST), settings.load(folder / CONFIG).training
    stopped = before.patience is not None and state.waiting >= before.patience
    if state.step < before.steps and not stopped:
        raise NMTError(
            f"{folder}: the run is not over: {state.step:,} of {before.steps:,} updates are done",
            hint=f"continue it with --resume training.steps={before.steps}",
        )
    return state.step


def create(config: Config) -> None:
    """Remove an old run's files, and nothing else, and begin a new one."""
    for name in OURS:
        files.remove(config.run / name)
    keep_config(config)


def keep_config(config: Config) -> None:
    """Keep the run's settings beside its results."""
    files.write_text(config.run / CONFIG, f"{MARK}\n{settings.dump(config)}")


def keep_base(folder: Path, tokenizers: Tokenizers) -> None:
    """Keep the tokenizers of the model that a run goes on from, which may be gone tomorrow."""
    with files.replacing_folder(folder / BASE) as inside:
        save_tokenizers(inside, tokenizers)


def _is_run(folder: Path) -> bool:
    try:
        with open(folder / CONFIG, encoding="utf-8") as file:
            return file.readline().rstrip() == MARK
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def _with_horizon(new: Config, old: Config) -> Config:
    """The new config with the run's horizon, so that more steps change neither a past rate nor a share of the run.

    A horizon that the new config names itself stays, and the comparison rejects it if it differs.
    Raises ConfigError if the cosine schedule of the run ended before the new steps.
    """
    training, horizon = new.training, old.training.horizon
    if "horizon" in training.model_fields_set and training.horizon != horizon:
        return new
    ended = training.schedule == "cosine" and training.min_lr == 0
    if ended and training.steps > max(horizon, old.training.steps):
        raise ConfigError(
            f"training.steps: {training.steps:,} updates, but the run's cosine schedule ends with rate 0 at update "
            f"{horizon:,} (training.horizon): more updates would change nothing",
            hint=f"`nmt finetune --model {shell(new.run)} --config FILE run=NEW` trains the finished model on; "
            "or train a longer run into another folder with run=... training.steps=...",
        )
    return new.model_copy(update={"training": training.model_copy(update={"horizon": horizon})})


def _without_slots(new: Config, old: Config) -> tuple[Config, Config]:
    """Both as a run goes on that began before tokenizers had slots, unless some are asked for now."""

    def without(config: Config) -> Config:
        unset = "spare" not in config.tokenizer.model_fields_set
        none = {"tokenizer": config.tokenizer.model_copy(update={"spare": 0})}
        return config.model_copy(update=none) if unset else config

    return (new, old) if "spare" in old.tokenizer.model_fields_set else (without(new), without(old))


def _compare(new: Config, old: Config) -> None:
    before, after = (settings.flat(each.model_dump(mode="json")) for each in (old, new))
    changed = [
        f"{key}: {before.get(key)} -> {after.get(key)}"
        for key in {**before, **after}
        if before.get(key) != after.get(key) and not _may_change(key)
    ]
    if changed:
        lines = "".join(f"\n  {line}" for line in changed)
        raise ConfigError(
            f"{new.run}: the settings have changed since the run began{lines}",
            hint="undo the changes to resume, train into another folder with run=..., "
            f"or train the finished model on: nmt finetune --model {shell(new.run)} --config FILE run=NEW",
        )


def _may_change(key: str) -> bool:
    return any(f"{key}.".startswith(f"{free}.") for free in MAY_CHANGE) or key.endswith((".source", ".target", ".tsv"))
