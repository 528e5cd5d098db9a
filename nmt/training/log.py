"""The run's log: one JSON object a line, and the same numbers for TensorBoard where they are wanted."""

import json
import math
import os
from pathlib import Path

from nmt import files, packages
from nmt.errors import CheckpointError, ConfigError


class Log:
    """log.jsonl only grows; when a run is resumed it is cut back to where the checkpoint was written."""

    def __init__(self, folder: Path, *, keep: int, step: int, tensorboard: bool):
        """Keep the first `keep` bytes, which tell of the first `step` updates."""
        self._path = folder / "log.jsonl"
        self._file = open(self._path, "ab")  # noqa: SIM115 (open as long as the training)
        with files.naming(self._path):
            self._file.truncate(min(keep, self._file.tell()))
        self._file.seek(0, os.SEEK_END)
        self._board = _writer(folder / "tensorboard", step) if tensorboard else None

    def write(self, event: str, **facts) -> None:
        """Append one line, which is safe from a crash of this program at once.

        Raises CheckpointError when somebody has taken the file away: what is written now would be lost.
        """
        facts = {name: None if _is_no_number(value) else value for name, value in facts.items()}
        line = json.dumps({"event": event, **facts}, ensure_ascii=False, allow_nan=False) + "\n"
        self._require()
        with files.naming(self._path):
            self._file.write(line.encode())
            self._file.flush()
        if self._board is not None and "step" in facts:
            for name, value in facts.items():
                value = value["value"] if isinstance(value, dict) else value
                if isinstance(value, int | float) and name != "step":
                    self._board.add_scalar(f"{event}/{name}", value, facts["step"])
            self._board.flush()

    def sync(self) -> int:
        """Make the lines safe from a crash of the machine; how many bytes there are."""
        self._require()
        with files.naming(self._path):
            os.fsync(self._file.fileno())
        return self._file.tell()

    def _require(self) -> None:
        """Raise CheckpointError when the open file is no longer the one in the run folder."""
        try:
            if os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path)):
                return
        except FileNotFoundError:
            pass
        raise CheckpointError(
            f"{self._path}: was removed or replaced while training wrote it", hint="the run cannot go on without it"
        )

    def close(self) -> None:
        with files.naming(self._path):
            self._file.close()
        if self._board is not None:
            self._board.close()


def _is_no_number(value: object) -> bool:
    """NaN and infinities, which JSON does not have."""
    return isinstance(value, float) and not math.isfinite(value)


def require_tensorboard() -> None:
    """Raise ConfigError when TensorBoard's writer is not installed."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "training.tensorboard: the package tensorboard is missing", hint=packages.install("tensorboard")
        ) from error


def _writer(folder: Path, step: int):
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step + 1)
