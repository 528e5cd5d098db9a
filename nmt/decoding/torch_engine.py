"""The engine in which models are trained: torch, one batch after the other, in this process or in several."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from nmt import bundle, runtime
from nmt.bundle import Description
from nmt.config import SearchConfig
from nmt.data.batching import pad
from nmt.decoding import forced
from nmt.decoding.abreast import abreast
from nmt.decoding.engine import Found, HeadChoice, Maps, Origin, Result, batches
from nmt.decoding.ensemble import Ensemble
from nmt.decoding.sampling import draw
from nmt.decoding.search import beam_search
from nmt.decoding.windows import EACH, Item
from nmt.errors import CheckpointError, ConfigError
from nmt.ids import EOS
from nmt.models.base import Seq2Seq
from nmt.workers import spread, workers_for


class TorchEngine:
    """Any model that keeps the contract of nmt.models.base; it is put in evaluation mode."""

    name, explains, order = "torch", True, "left_to_right"

    def __init__(self, model: Seq2Seq):
        self.model, self.max_length = model.eval(), model.max_length
        weight = next(model.parameters())
        self.device, self.precision = weight.device, runtime.name_of(weight.dtype)

    def search(
        self, sources: Sequence[list[int]], search: SearchConfig, *, attention: HeadChoice | None, details: bool
    ) -> list[Found]:
        """In batches of similar length. The details come with the search."""
        width = search.n_best if search.sample else search.beam
        places = list(batches([(len(ids), 0) for ids in sources], search.batch_tokens // width))
        ids = ([sources[number] for number in batch] for batch in places)
        found = abreast(partial(self._search_batch, search=search, attention=attention), ids, device=self.device)
        by_place = dict(zip(chain.from_iterable(places), chain.from_iterable(found), strict=True))
        return [by_place[number] for number in range(len(sources))]

    def _search_batch(
        self, sources: list[list[int]], search: SearchConfig, attention: HeadChoice | None
    ) -> list[Found]:
        src = self._pad(sources)
        if search.sample:
            hypotheses = draw(self.model, src, search, [_seed(each) for each in sources])
        else:
            hypotheses = beam_search(self.model, src, search)
        if attention is None:
            return [Found(each, None) for each in hypotheses]
        maps = forced.attention(self.model, src, [each[0].ids for each in hypotheses], attention)
        arrays = (each if each is None else each.numpy() for each in maps)
        return list(map(Found, hypotheses, arrays))

    def score(
        self, sources: Sequence[list[int]], targets: Sequence[list[int]], *, batch_tokens: int
    ) -> list[list[float]]:
        """log p(y_t | y_<t, x) of each target's ids and, last, of its end mark."""
        lengths = [(len(source), len(target)) for source, target in zip(sources, targets, strict=True)]
        found = {}
        for batch in batches(lengths, batch_tokens):
            src = self._pad([sources[number] for number in batch])
            logs = forced.log_probabilities(self.model, src, [targets[number] for number in batch])
            found.update(zip(batch, logs, strict=True))
        return [found[number] for number in range(len(sources))]

    def explain(self, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> list[Maps]:
        """All attention of each pair, computed together."""
        found = forced.explain(self.model, self._pad(sources), targets)
        return [Maps(*(each if each is None else each.numpy() for each in maps)) for maps in found]

    def each(
        self, method: Callable[..., list[Result]], translator: Any, windows: Iterable[list[Item]], *,
        workers: int | None,
    ) -> Iterator[list[Result]]:  # fmt: skip
        """Workers are processes that share the threads. None chooses: on a CPU as many as pay, elsewhere one."""
        threads = torch.get_num_threads()
        if workers is None:
            alone = translator.origin is None or self.device.type != "cpu"
            workers, windows = workers_for(windows, most=1 if alone else threads, each=EACH)
        if workers == 1:
            return (method(translator, window) for window in windows)
        if (origin := translator.origin) is None:
            raise ConfigError("workers: they load the model, and this one was not loaded", hint="take one worker")
        reopen = partial(
            type(translator).load, origin.paths, rerank=dict(origin.rerank), device=str(self.device),
            precision=origin.precision, tag=translator.tag, **translator.search.model_dump(),
        )  # fmt: skip
        work = partial(_work, origin, translator.version, reopen, max(1, threads // workers), method)
        return spread(work, windows, workers=workers)

    def _pad(self, sources: Sequence[list[int]]) -> Tensor:
        return pad([[*ids, EOS] for ids in sources]).to(self.device)


def load(described: Sequence[Description], *, device: str, precision: str, threads: int | None) -> TorchEngine:
    """The engine of a bundle, or of several as an ensemble.

    Raises CheckpointError for their weights and NMTError for the device.
    """
    runtime.set_threads(threads)
    chosen = runtime.choose_device(device)
    dtype = runtime.choose_precision(precision, chosen)
    models = [bundle.load_model(each, device=chosen, dtype=dtype) for each in described]
    return TorchEngine(models[0] if len(models) == 1 else Ensemble(models))


def _work(
    origin: Origin, version: tuple, reopen: Callable, threads: int, method: Callable[..., list[Result]]
) -> Callable[[list[Item]], list[Result]]:
    """What a worker process does with a window. Raises CheckpointError when another has loaded another model."""
    runtime.keep_freed_memory()
    runtime.set_threads(threads)
    before = origin.version()
    translator = reopen()
    if not before == translator.version == version:
        raise CheckpointError(f"{origin}: changed while it was read", hint="a training goes on: translate with a copy")
    return partial(method, translator)


def _seed(ids: list[int]) -> int:
    """Of a sentence's samples: its content's, so that neither its place nor its neighbours matter."""
    return int.from_bytes(hashlib.blake2b(repr(ids).encode(), digest_size=8).digest(), "big")
