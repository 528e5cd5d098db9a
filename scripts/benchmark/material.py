"""What all systems get: the same updates as arrays of ids, the same lines of text, the same weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sizes import Sizes

from nmt import bundle, files
from nmt import config as settings
from nmt.config import Config
from nmt.data.batching import Batch, updates
from nmt.data.prepare import Prepared, prepare
from nmt.data.text import read_pairs

FOREVER = 1_000_000_000
"""Updates: a turn ends when its seconds are over."""

LR, CLIP, LABEL_SMOOTHING = 5e-4, 1.0, 0.1


class Training(NamedTuple):
    """Updates of one pass over the text, in the order in which our own training takes them."""

    file: Path
    vocabulary: int
    longest: int
    """Most ids of a sentence that the updates hold."""
    target_tokens: float
    """Of an update on average: real ones."""
    source_ids: float
    """Of a sentence on average, end mark included."""
    target_ids: float


class Text(NamedTuple):
    """A test text and a trained model of ours in a form that other systems can read."""

    source: Path
    lines: list[str]
    references: list[str]
    sizes: Sizes
    """With every setting."""
    job: dict[str, Any]
    """What the programs are told."""


def write_config(folder: Path, base: Config, sizes: Sizes, *, precision: str, **training: Any) -> Path:
    """A config of the data of `base` with a model to measure; its run folder is beside it."""
    described = base.model_dump(mode="json")
    described |= {"run": str(folder / f"run-{precision}"), "model": sizes, "training": {
        "precision": precision, "lr": LR, "clip": CLIP, "label_smoothing": LABEL_SMOOTHING, "schedule": "constant",
        "warmup": 0, "average": "ema", "steps": FOREVER, "evaluate_every": FOREVER, **training,
    }}  # fmt: skip
    described["data"]["cache"] = str(folder.parent / "prepared")
    checked = settings.check(Config, described, name="benchmark")
    path = folder / f"{precision}.yaml"
    files.write_text(path, settings.dump(checked))
    return path


def write_updates(folder: Path, config: Config) -> Training:
    """The first pass over the training text."""
    prepared = prepare(config, workers=None)
    rows = list(_updates(prepared, config))
    arrays = {f"{number}.{side}": part.numpy() for number, row in enumerate(rows)
              for side, part in row._asdict().items()}  # fmt: skip
    path = folder / "updates.npz"
    with files.replacing(path, "wb") as file:
        np.savez(file, count=np.array(len(rows)), **arrays)
    ids = prepared.train.lengths.mean(0) + 1
    return Training(
        file=path, vocabulary=prepared.tokenizers.target.size,
        longest=max(part.shape[1] for row in rows for part in row),
        target_tokens=float(np.mean([int((row.tgt_out != 0).sum()) for row in rows])),
        source_ids=float(ids[0]), target_ids=float(ids[1]),
    )  # fmt: skip


def _updates(prepared: Prepared, config: Config) -> Iterator[Batch]:
    of = config.training
    for row in updates(
        prepared.train, batch_tokens=of.batch_tokens, accumulate=1, pool=of.pool, seed=of.seed, epoch=0
    ):
        yield from row


def write_text(folder: Path, run: Path, config: Config, *, sentences: int | None) -> Text:
    """The test text of a config, or its first `sentences`, and the trained model of a run."""
    pairs = list(read_pairs(config.data.test))[:sentences]
    lines, references = map(list, zip(*pairs, strict=True))
    source = folder / "source.txt"
    files.write_text(source, "".join(f"{line}\n" for line in lines))
    loaded = bundle.load(run)
    weights = folder / "weights.npz"
    with files.replacing(weights, "wb") as file:
        np.savez(file, **{name: weight.detach().numpy() for name, weight in loaded.model.named_parameters()})
    sizes = loaded.config.model.model_dump(mode="json")
    longest = 2 * max(map(len, loaded.tokenizers.source.encode(lines))) + 20  # as our search allows the longest
    job = {
        "run": str(run.absolute()), "source": str(source), "vocabulary": loaded.tokenizers.target.size,
        "tokenizer": str((bundle.locate(run) / "source.model").absolute()), "longest": longest,
        "length_penalty": loaded.config.search.length_penalty, "model": {"weights": str(weights), "sizes": sizes},
    }  # fmt: skip
    return Text(source, lines, references, sizes, job)
