"""The run folder: who may write into it, and what may change between a run and its resumption."""

import shutil
from pathlib import Path
from typing import Any

from nmt import config as settings
from nmt import files
from nmt.config import Config
from nmt.errors import CheckpointError, ConfigError, NMTError

CONFIG, LOG, BEST, LAST, MODEL, TENSORBOARD = "config.yaml", "log.jsonl", "best", "last", "model", "tensorboard"
OURS = (BEST, LAST, MODEL, TENSORBOARD, LOG, CONFIG)
"""All that a run writes; the config goes last, because a folder is known as a run by its first line."""

MARK = "# A run of nmt: the settings with every default filled in."

MAY_CHANGE = (
    "run", "data.cache", "search", "training.steps", "training.patience", "training.log_every", "training.tensorboard",
    "training.evaluate_every", "training.evaluate_sentences", "training.evaluate_beam",
)  # fmt: skip
"""Settings that leave the weights' course alone. Text may move; what it says is part of the prepared data's key."""


def check(config: Config, *, resume: bool, force: bool) -> None:
    """Raise an NMTError, before any work, when the run folder is not as `resume` and `force` promise."""
    folder = config.run
    if folder.exists() and not folder.is_dir():
        raise NMTError(f"{folder}: is a file, not a folder", hint="name another folder with run=...")
    occupied = folder.is_dir() and any(folder.iterdir())
    if occupied and not _is_run(folder):
        raise NMTError(f"{folder}: holds something else than a run", hint="name an empty or a new folder with run=...")
    if occupied and not (resume or force):
        raise NMTError(
            f"{folder}: the run exists", hint="--resume goes on with it, --force replaces it, run=... names another"
        )
    if resume and not occupied:
        raise CheckpointError(f"{folder}: there is no run to resume", hint="leave out --resume to start it")
    if resume:
        _compare(config, settings.load(folder / CONFIG))


def create(config: Config) -> None:
    """Remove an old run's files, and nothing else, and begin a new one."""
    recover(config.run)  # or what a crash set aside would come back when the new run is resumed
    for name in OURS:
        path = config.run / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    write_config(config)


def write_config(config: Config) -> None:
    """Keep the run's settings beside its results."""
    files.write_text(config.run / CONFIG, f"{MARK}\n{settings.dump(config)}")


def recover(folder: Path) -> None:
    """Undo what a crash left half done."""
    for name in (BEST, LAST, MODEL):
        files.recover_folder(folder / name)


def _is_run(folder: Path) -> bool:
    try:
        with open(folder / CONFIG, encoding="utf-8") as file:
            return file.readline().rstrip() == MARK
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def _compare(new: Config, old: Config) -> None:
    before, after = _flat(old.model_dump(mode="json")), _flat(new.model_dump(mode="json"))
    changed = [
        f"{key}: {before.get(key)} -> {after.get(key)}"
        for key in {**before, **after}
        if before.get(key) != after.get(key) and not _may_change(key)
    ]
    if changed:
        lines = "".join(f"\n  {line}" for line in changed)
        raise ConfigError(
            f"{new.run}: the settings have changed since the run began{lines}",
            hint="undo the changes to resume, or train into another folder with run=...",
        )


def _may_change(key: str) -> bool:
    return any(f"{key}.".startswith(f"{free}.") for free in MAY_CHANGE) or key.endswith((".source", ".target", ".tsv"))


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested sections as dotted keys."""
    flat = {}
    for key, inner in value.items():
        flat |= _flat(inner, f"{prefix}{key}.") if isinstance(inner, dict) else {f"{prefix}{key}": inner}
    return flat
