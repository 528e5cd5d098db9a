"""COMET (Rei and others 2020) as a metric of `nmt eval --metric comet=PATH`: a neural network rates translations.

PATH is the folder of a COMET model, with hparams.yaml and checkpoints/model.ckpt, or that checkpoint itself. Nothing is
downloaded: the configuration and the vocabulary of the encoder that hparams.yaml names must be on the disk too, in the
cache of the package transformers or in a folder. A checkpoint is a pickle; PyTorch is made to read weights and plain
values alone, so that a checkpoint cannot run code.
"""

import hashlib
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from nmt import packages
from nmt.errors import CheckpointError, NMTError

_BATCH = 16
_SAFE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


class Comet:
    """A COMET model as a segment metric (see plugins.py). Scores are multiplied by 100."""

    def __init__(self, argument: str | None):
        try:
            with _quiet():
                from comet import load_from_checkpoint
        except ImportError as error:
            hint = packages.install("comet")
            raise NMTError(f"metric: comet needs a package that is missing: {error}", hint=hint) from error
        path = _checkpoint(argument)
        try:
            with _quiet(), _weights_alone():
                self.model = load_from_checkpoint(str(path), local_files_only=True)
        except Exception as error:  # of Lightning, transformers, PyYAML and torch
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise CheckpointError(
                f"{path}: is no COMET checkpoint that can be loaded safely and from the disk alone: {reason}",
                hint="expected are weights, hparams.yaml, and the encoder's configuration and vocabulary on the disk",
            ) from error
        self.signature = f"comet:{_digest(path)}|unbabel-comet:{version('unbabel-comet')}"

    def score(
        self, sources: Sequence[str] | None, hypotheses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> list[float]:
        """Rate each hypothesis. COMET reads one reference: with several, a score is the mean over them."""
        if sources is None:
            raise NMTError("metric: comet needs sources", hint="give --source")
        rows = [
            (number, {"src": source, "mt": text, "ref": reference})
            for number, (source, text, given) in enumerate(zip(sources, hypotheses, references, strict=True))
            for reference in given
        ]
        rated = self._rate([sample for _, sample in rows])
        totals = [0.0] * len(hypotheses)
        for (number, _), score in zip(rows, rated, strict=True):
            totals[number] += 100 * score / len(references[number])
        return totals

    def _rate(self, samples: list[dict[str, str]]) -> list[float]:
        import torch

        how = {"batch_size": _BATCH, "gpus": int(torch.cuda.is_available()), "num_workers": 0, "progress_bar": False}
        with _quiet():
            return self.model.predict(samples, **how).scores


def _checkpoint(argument: str | None) -> Path:
    if argument is None:
        raise NMTError("metric: comet needs the path of a model", hint="--metric comet=PATH")
    path = Path(argument)
    path = path / "checkpoints" / "model.ckpt" if path.is_dir() else path
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint", hint="name a COMET model's folder, or its .ckpt file")
    return path


@contextmanager
def _quiet() -> Iterator[None]:
    """COMET's packages warn about each other, and its import lets every package log to stderr."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers


@contextmanager
def _weights_alone() -> Iterator[None]:
    """COMET leaves the choice to Lightning; this variable overrules both."""
    before = os.environ.get(_SAFE)
    os.environ[_SAFE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE]
        else:
            os.environ[_SAFE] = before


def _digest(path: Path) -> str:
    """Return what names the checkpoint for good: the first digits of its SHA-256."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()[:12]
