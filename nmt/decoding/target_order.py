"""Models that write a translation from its last piece to its first, behind an engine that reads like any other.

    p(y|x) = prod_t p(y_t | y_>t, x)        (Liu 2016; Sennrich 2017, who reranks with such a model)

Such a model sees the pieces of the target turned round, the end mark last as ever. In here they are turned back: ids,
their log-probabilities and the rows of attention come in the order in which the text is read.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from nmt.config import SearchConfig
from nmt.config.data import TargetOrder
from nmt.decoding.engine import Engine, Found, HeadChoice, Maps
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.windows import Item


def in_order(engine: Engine, order: TargetOrder) -> Engine:
    """An engine whose targets read from the left, given the order in which its model writes them."""
    return RightToLeft(engine) if order == "right_to_left" else engine


def as_read(rows: np.ndarray, order: TargetOrder) -> np.ndarray:
    """Rows [..., T, S] of the steps that write the pieces, the end mark last, as those of the steps that read them, the
    begin mark first.

    From the left a step reads y_{t-1} and writes y_t: these are the same rows in the same order. From the right it
    reads y_{t+1}, and the begin mark before it writes the last piece.
    """
    return np.roll(rows, 2, -2) if order == "right_to_left" else rows


def as_written(rows: np.ndarray, order: TargetOrder) -> np.ndarray:
    """The other way round."""
    return np.roll(rows, -2, -2) if order == "right_to_left" else rows


class RightToLeft:
    """An engine around an engine."""

    order: TargetOrder = "right_to_left"

    def __init__(self, engine: Engine):
        self.engine, self.max_length, self.explains = engine, engine.max_length, engine.explains
        self.name, self.precision, self.device = engine.name, engine.precision, getattr(engine, "device", None)

    def search(
        self, sources: Sequence[list[int]], search: SearchConfig, *, attention: HeadChoice | None, details: bool
    ) -> list[Found]:
        """As of any engine."""
        found = self.engine.search(sources, search, attention=attention, details=details)
        return [
            Found([_turned(each) for each in hypotheses], None if maps is None else _written(maps))
            for hypotheses, maps in found
        ]

    def score(
        self, sources: Sequence[list[int]], targets: Sequence[list[int]], *, batch_tokens: int
    ) -> list[list[float]]:
        """As of any engine."""
        logs = self.engine.score(sources, [ids[::-1] for ids in targets], batch_tokens=batch_tokens)
        return [_logs(each) for each in logs]

    def explain(self, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> list[Maps]:
        """As of any engine."""
        found = self.engine.explain(sources, [ids[::-1] for ids in targets])
        return [
            Maps(
                encoder=maps.encoder,
                decoder=None if maps.decoder is None else _read(_read(maps.decoder).swapaxes(2, 3)).swapaxes(2, 3),
                cross=None if maps.cross is None else _written(maps.cross),
            )
            for maps in found
        ]

    def each(self, method, translator, windows: Iterable[list[Item]], *, workers: int | None) -> Iterator[list]:
        """As of any engine."""
        return self.engine.each(method, translator, windows, workers=workers)


def _turned(hypothesis: Hypothesis) -> Hypothesis:
    logs = _logs(hypothesis.token_log_probabilities)
    return hypothesis._replace(ids=hypothesis.ids[::-1], token_log_probabilities=logs)


def _logs(logs: list[float]) -> list[float]:
    """Of the pieces, turned round; the end mark's stays where it is. There may be none."""
    return [*logs[-2::-1], *logs[-1:]]


def _written(rows: np.ndarray) -> np.ndarray:
    """Rows [..., T, S] of the steps that write a piece, the end mark's last."""
    return np.concatenate([rows[..., -2::-1, :], rows[..., -1:, :]], -2)


def _read(rows: np.ndarray) -> np.ndarray:
    """Rows [..., T, T] of what the decoder reads, the begin mark first."""
    return np.concatenate([rows[..., :1, :], rows[..., :0:-1, :]], -2)
