"""The run's log: one JSON object a line, and the same numbers for TensorBoard where they are wanted."""

import json
import math
import os
from pathlib import Path

from nmt.errors import ConfigError


class Log:
    """log.jsonl only grows; when a run is resumed it is cut back to where the checkpoint was written."""

    def __init__(self, folder: Path, *, keep: int, step: int, tensorboard: bool):
        """Keep the first `keep` bytes, which tell of the first `step` updates."""
        self._file = open(folder / "log.jsonl", "ab")  # noqa: SIM115 (open as long as the training)
        self._file.truncate(min(keep, self._file.tell()))
        self._file.seek(0, os.SEEK_END)
        self._board = _writer(folder / "tensorboard", step) if tensorboard else None

    def write(self, event: str, **facts) -> None:
        """Append one line, which is safe from a crash of this program at once."""
        facts = {name: None if _is_no_number(value) else value for name, value in facts.items()}
        self._file.write(json.dumps({"event": event, **facts}, ensure_ascii=False, allow_nan=False).encode() + b"\n")
        self._file.flush()
        if self._board is not None and "step" in facts:
            for name, value in facts.items():
                value = value["value"] if isinstance(value, dict) else value
                if isinstance(value, int | float) and name != "step":
                    self._board.add_scalar(f"{event}/{name}", value, facts["step"])
            self._board.flush()

    def sync(self) -> int:
        """Make the lines safe from a crash of the machine; how many bytes there are."""
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
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
            "training.tensorboard: the package tensorboard is missing", hint='pip install "nmt[tensorboard]"'
        ) from error


def _writer(folder: Path, step: int):
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step + 1)
