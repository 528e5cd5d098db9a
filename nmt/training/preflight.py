"""Before a long run, in seconds: all that it will do is done once, so that it does not fail at hour three.

The largest batches go forward and backward, a few sentences are translated and scored, a checkpoint and the bundle are
written and read back. No weight changes.
"""

import shutil
from typing import NamedTuple

import numpy as np
import torch

from nmt import bundle, files, runtime
from nmt.config import Config
from nmt.data.batching import Batch, batch_of, batches, plan
from nmt.data.corpus import Corpus
from nmt.data.prepare import Prepared
from nmt.errors import NMTError
from nmt.models.base import Seq2Seq
from nmt.training import checkpoint, facts, loss, run_folder
from nmt.training.learner import Learner
from nmt.training.state import State
from nmt.training.validation import Scores, score, tokenizer

SENTENCES = 16
"""Development pairs that are translated."""


class Forecast(NamedTuple):
    """What to expect of a run."""

    rows: int
    source: int
    target: int
    """The largest batch: rows, and ids of its longest source and target."""
    memory: int | None
    """Bytes at the worst moment: the GPU's, else the process's; None where the system does not say."""
    seconds: float
    """Time that is left, on an idle machine; evaluations are guessed from an untrained model, which writes long
    sentences."""
    disk: int
    """Bytes that the run folder will need, and ..."""
    free: int
    """... has, or may take."""
    notes: tuple[str, ...]
    """Notes on the scores in training."""


class Rehearsal(NamedTuple):
    """What computing a few batches has shown."""

    largest: Batch
    seconds: float
    """Of an update of average size, without the optimizer's part."""


def rehearse(learner: Learner, prepared: Prepared, config: Config) -> Rehearsal:
    """Every rank: the largest batches and a typical one, forward and backward."""
    samples = _samples(prepared.train, config)
    for batch in (samples.longest, samples.largest, samples.typical):  # the last as a warm-up
        _compute(learner, batch)
    seconds = runtime.time_idle(lambda: _compute(learner, samples.typical), learner.device)
    seconds *= config.training.accumulate
    learner.splits = 0  # the run's own are to be told
    return Rehearsal(samples.largest, seconds)


def forecast(
    learner: Learner, model: Seq2Seq, prepared: Prepared, config: Config, *, step: int, run: facts.Facts,
    rehearsal: Rehearsal,
) -> Forecast:  # fmt: skip
    """The first rank alone: evaluate, save, load, and say what to expect after update `step`.

    Raises NMTError when a run would not go through: out of memory, the disk too small, what is written not readable.
    """
    scores, evaluation = _evaluate(model, prepared, config, learner.device)
    state = State(prepared.key, run["machine"], prepared.texts, best={"step": 0, **scores.to_json()})
    size = _save_and_load(learner, prepared, config, state, facts.card(run, state))
    ours = (path for name in run_folder.OURS for path in (config.run / name).rglob("*"))
    held = sum(path.stat().st_size for path in ours if path.is_file())  # will be replaced
    free = shutil.disk_usage(config.run).free + held
    settings = config.training
    evaluations = -(-settings.steps // settings.evaluation_interval)
    averages = {"none": 0, "ema": 1, "last": min(settings.average_last - 1, evaluations)}[settings.average]
    weights = sum(tensor.nbytes for tensor in learner.optimizer.masters.values())
    needed = 2 * (size + averages * weights)  # what there will be, and a copy that is being written
    if free < needed:
        raise NMTError(
            f"{config.run}: no space left on device: {needed / 1e6:,.1f} MB are needed and only {free / 1e6:,.1f} are "
            "free or the run's already",
            hint="make room, or train into another folder with run=...",
        )
    largest, left = rehearsal.largest, evaluations - step // settings.evaluation_interval
    return Forecast(
        rows=len(largest.src), source=largest.src.size(1), target=largest.tgt_in.size(1),
        memory=runtime.peak_memory(learner.device),
        seconds=(settings.steps - step) * rehearsal.seconds + left * evaluation, disk=needed, free=free,
        notes=tokenizer(config, prepared.dev_text).notes,
    )  # fmt: skip


class _Samples(NamedTuple):
    longest: Batch
    largest: Batch
    typical: Batch


def _samples(corpus: Corpus, config: Config) -> _Samples:
    """Of a pool that stands for the corpus: evenly drawn, and the longest pairs with it."""
    settings = config.training
    rows = np.linspace(0, len(corpus) - 1, min(settings.pool, len(corpus))).astype(np.int64)
    rows = np.union1d(rows, corpus.lengths.argmax(0))
    lengths = corpus.lengths[rows]
    planned = plan(lengths, batch_tokens=settings.batch_tokens)
    areas = [len(each) * int((lengths[each].max(0) + 1).sum()) for each in planned]
    average = int(np.abs(np.array(areas) - np.mean(areas)).argmin())
    return _Samples(*(batch_of(corpus, rows[planned[index]]) for index in (-1, int(np.argmax(areas)), average)))


def _compute(learner: Learner, batch: Batch) -> None:
    part = learner.ranks.share(batch)
    if part is not None:
        learner.add_gradient(part)
        learner.optimizer.forget()


def _evaluate(model: Seq2Seq, prepared: Prepared, config: Config, device: torch.device) -> tuple[Scores, float]:
    """Scores of a few pairs of the development text, and the seconds that translating all of it takes."""
    count, few = len(prepared.dev_text.source), prepared.dev_text.some(SENTENCES)
    batch = next(batches(prepared.dev, batch_tokens=config.training.batch_tokens))
    nats = loss.negative_log_likelihood(model, batch, device=device).item()
    found = []
    seconds = runtime.time_idle(lambda: found.extend(score(model, prepared, few, config)), device)
    wanted = min(config.training.evaluate_sentences or count, count)
    return Scores(nats / loss.count(batch), *found), seconds * wanted / len(few.source)


def _save_and_load(learner: Learner, prepared: Prepared, config: Config, state: State, card: facts.Facts) -> int:
    """Bytes of a checkpoint and a bundle, which are written into the run folder, read back, and removed."""
    place = config.run / run_folder.TRIAL
    masters, last, shipped = learner.optimizer.masters, place / run_folder.LAST, place / run_folder.MODEL
    files.remove(place)  # of one that was killed
    try:
        checkpoint.save(last, weights=masters, training={"optimizer": learner.optimizer.state()}, state=state)
        bundle.save(
            shipped, weights=masters, tokenizers=prepared.tokenizers, config=config, sources=prepared.report.sources,
            facts=card,
        )  # fmt: skip
        found = checkpoint.load(last)[1], dict(bundle.load(shipped).model.named_parameters())
        same = (name in each and torch.equal(each[name], masters[name].cpu()) for name in masters for each in found)
        if not all(same):
            raise NMTError(f"{config.run}: what was written is not what is read", hint="is the disk sound?")
        return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    finally:
        files.discard(place)
