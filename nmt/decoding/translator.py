"""A model and its tokenizers: lines in, lines out, in order.

    Translator.load("runs/x").translate(["Guten Morgen!"])

Lines are read some way ahead, sorted by length into batches of about equal cost, translated, and put back in order.
What is read ahead, a window, is also what a worker process gets at once: no number of processes changes a batch.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from nmt import bundle, runtime
from nmt.config import SearchConfig, check
from nmt.data.batching import pad, plan
from nmt.data.tokenizer import Tokenizer, Tokenizers
from nmt.decoding import forced
from nmt.decoding.abreast import abreast
from nmt.decoding.sampling import draw
from nmt.decoding.search import Hypothesis, beam_search
from nmt.decoding.splitting import split
from nmt.decoding.windows import EACH, Item, windows
from nmt.errors import CheckpointError
from nmt.ids import EOS
from nmt.models.base import Seq2Seq
from nmt.workers import spread, workers_for

_LINE_BREAKS = str.maketrans(dict.fromkeys("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029", " "))

Method = Callable[["Translator", list[Item]], list]


class TextHypothesis(NamedTuple):
    """One translation of a line."""

    text: str
    score: float
    """log p(y|x) / n^alpha."""
    log_probability: float
    """log p(y|x), natural logarithm."""
    tokens: list[str]
    """Pieces, end mark included."""
    token_log_probabilities: list[float]
    """log p(y_t | y_<t, x) of each token."""


class Translation(NamedTuple):
    """A line and what became of it."""

    source: str
    text: str
    """Of the first hypothesis."""
    hypotheses: list[TextHypothesis]
    """Best first; samples in the order drawn."""
    source_tokens: list[str]
    """Pieces, end mark included."""
    parts: int
    """0: an empty line, which no model saw. More than 1: too long for the model, so it was split."""
    attention: list[np.ndarray] | None
    """If asked for and the model has it: the mean of layers and heads, for each part [first hypothesis' tokens, source
    tokens]."""


class Score(NamedTuple):
    """How probable a target is, given its source."""

    log_probability: float
    """log p(y|x), natural logarithm, end mark included; NaN when a side is longer than the model takes."""
    tokens: list[str]
    """Pieces, end mark included; none when the log-probability is NaN."""
    token_log_probabilities: list[float]
    """log p(y_t | y_<t, x) of each token."""


class _Part(NamedTuple):
    """What the model takes at once: a line, or a part of a line that is too long."""

    ids: list[int]
    hypotheses: list[Hypothesis]
    attention: Tensor | None


class Translator:
    """Translates text with one model and scores given translations."""

    def __init__(self, model: Seq2Seq, tokenizers: Tokenizers, search: SearchConfig, *, path: Path | None = None):
        """`search` holds wherever a call does not override it. The model is put in evaluation mode.

        `path` is the bundle that all this comes from, for worker processes.
        """
        self.model, self.tokenizers, self.search = model.eval(), tokenizers, search
        self.path, self.version = path, path and bundle.version(path)
        weight = next(model.parameters())
        self.device, self.dtype = weight.device, weight.dtype

    @classmethod
    def load(
        cls, path: str | Path, *, device: str = "auto", precision: str = "auto", **overrides: Any
    ) -> "Translator":
        """From a run folder or a bundle. `overrides` replace settings of its search (see SearchConfig).

        `precision` is float32, bfloat16, or auto: bfloat16 where the device computes in it, which is faster and leaves
        about two digits of a log-probability. Raises CheckpointError for the bundle and ConfigError for the overrides.
        """
        loaded = bundle.load(path, device=runtime.choose_device(device), precision=precision)
        return cls(loaded.model, loaded.tokenizers, _override(loaded.config.search, overrides), path=Path(path))

    def translate(self, lines: Sequence[str], **overrides: Any) -> list[str]:
        """The best translation of each line. Raises ConfigError for the overrides."""
        return [each.text for each in self.translations(lines, **overrides)]

    def translations(
        self, lines: Iterable[str], *, attention: bool = False, workers: int | None = 1, **overrides: Any
    ) -> Iterator[Translation]:
        """The same with all that is known about it, line by line, reading a window ahead (see windows.py).

        A line longer than the model takes is translated in parts: its n-th hypothesis joins the n-th of each part.
        With several `workers`, processes that share the threads, each translates a window at a time. None chooses: on
        a CPU as many as pay, at most one a thread, elsewhere one. Raises ConfigError for the overrides.
        """
        if isinstance(lines, str):
            raise TypeError("lines is a sequence of strings, not one string")
        search = _override(self.search, overrides)
        return self._each(partial(Translator._translate, search=search, attention=attention), lines, workers)

    def score(self, pairs: Iterable[tuple[str, str]]) -> list[Score]:
        """The log-probability of each (source, target) pair."""
        return list(self.scores(pairs))

    def scores(self, pairs: Iterable[tuple[str, str]], *, workers: int | None = 1) -> Iterator[Score]:
        """The same pair by pair, reading a window ahead; `workers` as for `translations`."""
        return self._each(Translator._score, pairs, workers)

    def _each(self, method: Method, items: Iterable[Item], workers: int | None) -> Iterator:
        """`method` on each window of the items, here or by worker processes."""
        pending, threads = windows(items), torch.get_num_threads()
        if workers is None:
            alone = self.path is None or self.device.type != "cpu"
            workers, pending = workers_for(pending, most=1 if alone else threads, each=EACH)
        if workers > 1:
            share = max(1, threads // workers)
            where = {"device": str(self.device), "precision": runtime.name_of(self.dtype)}
            load = partial(_load, self.path, self.version, where, self.search, share, method)
            results = spread(load, pending, workers=workers)
        else:
            results = (method(self, window) for window in pending)
        yield from chain.from_iterable(results)

    def _translate(self, lines: list[str], search: SearchConfig, attention: bool) -> list[Translation]:
        sources = self._encode(lines)
        parts = iter(self._search([ids for source in sources for ids in source], search, attention))
        parts_of = [list(islice(parts, len(source))) for source in sources]
        return [self._join(line, each, search) for line, each in zip(lines, parts_of, strict=True)]

    def _encode(self, lines: list[str]) -> list[list[list[int]]]:
        """Each line's ids in parts that the model takes: none for a blank line, nearly always one."""
        encode, limit = self.tokenizers.source.encode, self.model.max_length - 1
        encoded = zip(lines, encode(lines), strict=True)
        return [
            [] if not (ids and line.strip()) else [ids] if len(ids) <= limit else split(line, encode, limit)
            for line, ids in encoded
        ]

    def _search(self, sources: list[list[int]], search: SearchConfig, attention: bool) -> list[_Part]:
        """Translate ids in batches of similar length."""
        width = search.n_best if search.sample else search.beam
        batches = list(_batches([(len(ids), 0) for ids in sources], search.batch_tokens // width))
        ids = ([sources[number] for number in batch] for batch in batches)
        found = abreast(partial(self._search_batch, search=search, attention=attention), ids, device=self.device)
        parts = dict(zip(chain.from_iterable(batches), chain.from_iterable(found), strict=True))
        return [parts[number] for number in range(len(sources))]

    def _search_batch(self, ids: list[list[int]], search: SearchConfig, attention: bool) -> list[_Part]:
        src = self._pad(ids)
        if search.sample:
            found = draw(self.model, src, search, [_seed(each) for each in ids])
        else:
            found = beam_search(self.model, src, search)
        best = [hypotheses[0].ids for hypotheses in found]
        maps = forced.attention(self.model, src, best) if attention else [None] * len(ids)
        return list(map(_Part, ids, found, maps))

    def _pad(self, sources: list[list[int]]) -> Tensor:
        return pad([[*ids, EOS] for ids in sources]).to(self.device)

    def _join(self, line: str, parts: list[_Part], search: SearchConfig) -> Translation:
        """The translations of a line's parts as those of the line."""
        if not parts:
            return Translation(line, "", [TextHypothesis("", 0.0, 0.0, [], [])], [], 0, None)
        together = zip(*(part.hypotheses for part in parts))  # noqa: B905 (as many as every part has)
        hypotheses = [self._hypothesis(each, search) for each in together]
        tokens = [token for part in parts for token in _tokens(self.tokenizers.source, part.ids)]
        maps = [part.attention.numpy() for part in parts if part.attention is not None]
        return Translation(line, hypotheses[0].text, hypotheses, tokens, len(parts), maps or None)

    def _hypothesis(self, parts: Sequence[Hypothesis], search: SearchConfig) -> TextHypothesis:
        texts = self.tokenizers.target.decode([part.ids for part in parts])
        text = " ".join(text for text in texts if text).translate(_LINE_BREAKS)
        log_probability = sum(part.log_probability for part in parts)
        logs = [each for part in parts for each in part.token_log_probabilities]
        tokens = [token for part in parts for token in _tokens(self.tokenizers.target, part.ids)]
        return TextHypothesis(text, log_probability / len(logs) ** search.length_penalty, log_probability, tokens, logs)

    def _score(self, pairs: list[tuple[str, str]]) -> list[Score]:
        sources = self.tokenizers.source.encode([source for source, _ in pairs])
        targets = self.tokenizers.target.encode([target for _, target in pairs])
        lengths = [(len(source), len(target)) for source, target in zip(sources, targets, strict=True)]
        fitting = [number for number, length in enumerate(lengths) if max(length) < self.model.max_length]
        scores = [Score(float("nan"), [], [])] * len(pairs)
        for batch in _batches([lengths[number] for number in fitting], self.search.batch_tokens):
            chosen = [fitting[place] for place in batch]
            ids = [targets[number] for number in chosen]
            logs = forced.log_probabilities(self.model, self._pad([sources[number] for number in chosen]), ids)
            for number, each in zip(chosen, logs, strict=True):
                scores[number] = Score(sum(each), _tokens(self.tokenizers.target, targets[number]), each)
        return scores


def _override(search: SearchConfig, overrides: dict[str, Any]) -> SearchConfig:
    return check(SearchConfig, search.model_dump() | overrides, name="search")


def _load(
    path: Path, version: tuple, where: dict[str, str], search: SearchConfig, threads: int, method: Method
) -> Callable[[list[Item]], list]:
    """What a worker process does with a window. Raises CheckpointError when another has loaded another model."""
    runtime.keep_freed_memory()
    runtime.set_threads(threads)
    before = bundle.version(path)
    translator = Translator.load(path, **where, **search.model_dump())
    if not before == translator.version == version:
        raise CheckpointError(f"{path}: changed while it was read", hint="a training goes on: translate with a copy")
    return partial(method, translator)


def _batches(lengths: list[tuple[int, int]], tokens: int) -> Iterator[list[int]]:
    """Places of rows of like lengths (pieces of source and target), in batches whose padded rectangle fits `tokens`."""
    if lengths:
        yield from (batch.tolist() for batch in plan(np.array(lengths), batch_tokens=tokens))


def _seed(ids: list[int]) -> int:
    """Of a sentence's samples: its content's, so that neither its place nor its neighbours matter."""
    return int.from_bytes(hashlib.blake2b(repr(ids).encode(), digest_size=8).digest(), "big")


def _tokens(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    return tokenizer.pieces([*ids, EOS])
