"""A model's engine and its tokenizers: lines in, lines out, in order.

    Translator.load("runs/x").translate(["Guten Morgen!"])

Lines are read some way ahead, sorted by length into batches of about equal cost, translated, and put back in order.
What is read ahead, a window, is also what a worker process gets at once: no number of processes changes a batch.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nmt import bundle
from nmt.config import SearchConfig, check
from nmt.data.tokenizer import Tokenizer, Tokenizers
from nmt.decoding.engine import Engine, Found, Heads, open_engine
from nmt.decoding.explanation import Explanation, explain
from nmt.decoding.hypothesis import LINE_BREAKS, Hypothesis
from nmt.decoding.splitting import Part, split
from nmt.decoding.windows import Item, windows
from nmt.ids import EOS

Method = Callable[["Translator", list[Item]], list]
Span = tuple[int, int]


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
    """log p(y_t | y_<t, x) of each token; none where they were not asked for."""


class Places(NamedTuple):
    """The (begin, end) of the characters for which each piece stands, without end marks, for each part of a line.

    A tag stands empty before the pieces of its part."""

    source: list[list[Span]]
    target: list[list[Span]]
    """In the text of the first hypothesis."""


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
    """If asked for and the model has it: for each part [first hypothesis' tokens, source tokens]."""
    places: Places | None
    """With the attention: where the pieces are in the text."""
    tagged: bool = False
    """Whether each part begins with a tag, which is a piece as well."""


class Score(NamedTuple):
    """How probable a target is, given its source."""

    log_probability: float
    """log p(y|x), natural logarithm, end mark included; NaN when a side is longer than the model takes."""
    tokens: list[str]
    """Pieces, end mark included; none when the log-probability is NaN."""
    token_log_probabilities: list[float]
    """log p(y_t | y_<t, x) of each token."""


class Translator:
    """Translates text with one model and scores given translations."""

    def __init__(
        self, engine: Engine, tokenizers: Tokenizers, search: SearchConfig, *, path: Path | None = None,
        tag: str | None = None,
    ):  # fmt: skip
        """`search` and `tag`, which is put before each source, hold wherever a call does not override them. `path` is
        the bundle that all this comes from. Raises ConfigError for a tag that the model does not know."""
        self.engine, self.tokenizers, self.search, self.path, self.tag = engine, tokenizers, search, path, tag
        tokenizers.source.prefix(tag)

    @classmethod
    def load(
        cls, path: str | Path, *, device: str = "auto", precision: str = "auto", threads: int | None = None,
        tag: str | None = None, **overrides: Any,
    ) -> "Translator":  # fmt: skip
        """From a run folder, a bundle or an exported model. `overrides` replace settings of its search (SearchConfig).

        `tag` is put before each source: one of those that the model was trained with, say for the target language.
        `precision` is float32, bfloat16, or auto: bfloat16 where the device computes in it, which is faster and leaves
        about two digits of a log-probability. `threads` are those of the CPU; None lets the engine choose. Raises
        CheckpointError for the bundle, ConfigError for tag and overrides, NMTError for the device.
        """
        where = {"device": device, "precision": precision, "threads": threads}
        return bundle.unchanged(path, lambda: cls._load(Path(path), overrides, where, tag))

    @classmethod
    def _load(cls, path: Path, overrides: dict[str, Any], where: dict[str, Any], tag: str | None) -> "Translator":
        described = bundle.read(path)
        search = _override(described.config.search, overrides)
        described.tokenizers.source.prefix(tag)  # a wrong one is told before the weights are read
        return cls(open_engine(described, **where), described.tokenizers, search, path=path, tag=tag)

    def translate(self, lines: Sequence[str], *, tag: str | None = None, **overrides: Any) -> list[str]:
        """The best translation of each line. Raises ConfigError for the tag or the overrides."""
        return [each.text for each in self.translations(lines, details=False, tag=tag, **overrides)]

    def translations(
        self, lines: Iterable[str], *, attention: bool = False, heads: Heads = Heads(), details: bool = True,
        workers: int | None = 1, tag: str | None = None, **overrides: Any,
    ) -> Iterator[Translation]:  # fmt: skip
        """The same with all that is known about it, line by line, reading a window ahead (see windows.py).

        A line longer than the model takes is translated in parts, each with the tag: its n-th hypothesis joins the n-th
        of each part.
        `heads` says whose attention to the source is wanted: without it that is the mean of all.
        Without `details` the tokens' log-probabilities may be left out, where finding them costs another pass.
        With several `workers`, which share the threads, each translates a window at a time. None chooses: on a CPU as
        many as pay, at most one a thread, elsewhere one. Raises ConfigError for the tag or the overrides.
        """
        if isinstance(lines, str):
            raise TypeError("lines is a sequence of strings, not one string")
        search = _override(self.search, overrides)
        wanted = heads if attention else None
        method = partial(
            Translator._translate, search=search, attention=wanted, details=details, prefix=self.prefix(tag)
        )
        return self._each(method, lines, workers)

    def score(self, pairs: Iterable[tuple[str, str]], *, tag: str | None = None) -> list[Score]:
        """The log-probability of each (source, target) pair. Raises ConfigError for the tag."""
        return list(self.scores(pairs, tag=tag))

    def scores(
        self, pairs: Iterable[tuple[str, str]], *, workers: int | None = 1, tag: str | None = None
    ) -> Iterator[Score]:
        """The same pair by pair, reading a window ahead; `workers` as for `translations`."""
        return self._each(partial(Translator._score, prefix=self.prefix(tag)), pairs, workers)

    def prefix(self, tag: str | None = None) -> list[int]:
        """The ids before each source: of this tag, else of the translator's own, if any. Raises ConfigError."""
        return self.tokenizers.source.prefix(self.tag if tag is None else tag)

    def explain(
        self, source: str, target: str | None = None, *, tag: str | None = None, **overrides: Any
    ) -> Explanation:
        """All of the model's attention while it translates `source`, or reads the `target` that is given.

        Raises DataError for an empty source and for a side that is longer than the model takes, ConfigError for the tag
        and the overrides, and NMTError for an exported model.
        """
        search, prefix = _override(self.search, overrides), self.prefix(tag)
        return explain(self.engine, self.tokenizers, search, source=source, target=target, prefix=prefix)

    def _each(self, method: Method, items: Iterable[Item], workers: int | None) -> Iterator:
        """`method` on each window of the items."""
        yield from chain.from_iterable(self.engine.each(method, self, windows(items), workers=workers))

    def _translate(
        self, lines: list[str], *, search: SearchConfig, attention: Heads | None, details: bool, prefix: list[int]
    ) -> list[Translation]:
        sources = self._encode(lines, prefix)
        parts = [ids for source in sources for ids in source]
        found = iter(self.engine.search(parts, search, attention=attention, details=details))
        found_of = [list(islice(found, len(source))) for source in sources]
        return [self._join(*each, search, prefix) for each in zip(lines, sources, found_of, strict=True)]

    def _limit(self, prefix: list[int]) -> int:
        """Most pieces of a text behind a prefix and before its end mark."""
        return max(1, self.engine.max_length - 1 - len(prefix))

    def _encode(self, lines: list[str], prefix: list[int]) -> list[list[list[int]]]:
        """Each line's ids in parts that the model takes: none for a blank line, nearly always one."""
        encode, limit = self.tokenizers.source.encode, self._limit(prefix)
        encoded = zip(lines, encode(lines), strict=True)
        parts = (
            [] if not (ids and line.strip()) else [ids] if len(ids) <= limit else _ids(split(line, encode, limit))
            for line, ids in encoded
        )
        return [[[*prefix, *ids] for ids in each] for each in parts]

    def _places(self, line: str, parts: list[list[int]], found: list[Hypothesis], prefix: list[int]) -> Places:
        """Of the pieces of a line's parts and of their translations."""
        source, target = self.tokenizers
        if len(parts) == 1:
            return Places([_behind(prefix, source.offsets(line))], [target.decoded_offsets(found[0].ids)])
        cut = split(line, lambda texts: list(map(source.offsets, texts)), self._limit(prefix))
        of_source = [_moved(_behind(prefix, part.pieces), part.begin) for part in cut]
        of_target, begin = [], 0
        for each, text in zip(found, target.decode([each.ids for each in found]), strict=True):
            of_target.append(_moved(target.decoded_offsets(each.ids), begin))
            begin += len(text) + bool(text)
        return Places(of_source, of_target)

    def _join(
        self, line: str, parts: list[list[int]], found: list[Found], search: SearchConfig, prefix: list[int]
    ) -> Translation:
        """The translations of a line's parts as those of the line."""
        if not parts:
            return Translation(line, "", [TextHypothesis("", 0.0, 0.0, [], [])], [], 0, None, None)
        together = zip(*(each.hypotheses for each in found))  # noqa: B905 (as many as every part has)
        hypotheses = [self._hypothesis(each, search) for each in together]
        tokens = [token for ids in parts for token in _tokens(self.tokenizers.source, ids)]
        maps = [each.attention for each in found if each.attention is not None]
        places = self._places(line, parts, [each.hypotheses[0] for each in found], prefix) if maps else None
        return Translation(line, hypotheses[0].text, hypotheses, tokens, len(parts), maps or None, places, bool(prefix))

    def _hypothesis(self, parts: Sequence[Hypothesis], search: SearchConfig) -> TextHypothesis:
        texts = self.tokenizers.target.decode([part.ids for part in parts])
        text = " ".join(text for text in texts if text).translate(LINE_BREAKS)
        log_probability = sum(part.log_probability for part in parts)
        logs = [each for part in parts for each in part.token_log_probabilities]
        tokens = [token for part in parts for token in _tokens(self.tokenizers.target, part.ids)]
        score = log_probability / len(tokens) ** search.length_penalty
        return TextHypothesis(text, score, log_probability, tokens, logs)

    def _score(self, pairs: list[tuple[str, str]], *, prefix: list[int]) -> list[Score]:
        sources = [[*prefix, *ids] for ids in self.tokenizers.source.encode([source for source, _ in pairs])]
        targets = self.tokenizers.target.encode([target for _, target in pairs])
        lengths = [max(len(source), len(target)) for source, target in zip(sources, targets, strict=True)]
        fitting = [number for number, length in enumerate(lengths) if length < self.engine.max_length]
        some = ([side[number] for number in fitting] for side in (sources, targets))
        logs = self.engine.score(*some, batch_tokens=self.search.batch_tokens)
        scores = [Score(float("nan"), [], [])] * len(pairs)
        for number, each in zip(fitting, logs, strict=True):
            scores[number] = Score(sum(each), _tokens(self.tokenizers.target, targets[number]), each)
        return scores


def _override(search: SearchConfig, overrides: dict[str, Any]) -> SearchConfig:
    return check(SearchConfig, search.model_dump() | overrides, name="search")


def _ids(parts: list[Part]) -> list[list[int]]:
    return [part.pieces for part in parts]


def _behind(prefix: list[int], spans: list[Span]) -> list[Span]:
    """A prefix stands empty where the first piece begins."""
    return [(spans[0][0], spans[0][0])] * len(prefix) + spans


def _moved(spans: list[Span], by: int) -> list[Span]:
    return [(begin + by, end + by) for begin, end in spans]


def _tokens(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    return tokenizer.names([*ids, EOS])
