"""Everything that a model attends to while it translates one sentence, or reads a translation that is given."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from nmt.config import SearchConfig
from nmt.data.masking import Masked, Masker, moved, restore
from nmt.data.tokenizer import Tokenizer, Tokenizers
from nmt.decoding.engine import Engine
from nmt.decoding.hypothesis import LINE_BREAKS
from nmt.decoding.spans import find
from nmt.errors import DataError, NMTError
from nmt.ids import EOS

# S source and T target pieces, both with the end mark


class Pieces(NamedTuple):
    """A text and the pieces that a model sees of it."""

    text: str
    names: list[str]
    """End mark included."""
    offsets: list[tuple[int, int]]
    """Where in the text the characters of each piece begin and end, but for the end mark."""
    marks: int = 0
    """So many of them are no text but stand before it: a tag."""


class Explanation(NamedTuple):
    """Attention maps, [layer, head, query, key] each; None where the model has no such attention."""

    source: Pieces
    target: Pieces
    encoder: np.ndarray | None  # [..., S, S]
    decoder: np.ndarray | None  # [..., T, T], among the begin mark and the pieces, which are what the decoder reads
    cross: np.ndarray | None  # [..., T, S], from the step that writes a piece


def explain(
    engine: Engine, tokenizers: Tokenizers, search: SearchConfig, *, source: str, target: str | None,
    prefix: Sequence[int] = (), masker: Masker = Masker(),
) -> Explanation:  # fmt: skip
    """`prefix` are the ids before the source; `masker` finds the spans to protect.

    Raises DataError for an empty source and for a side that is longer than the model takes, and NMTError where the
    engine keeps its attention to itself.
    """
    check_explains(engine)
    of_source, of_target = masker.mask_given(source, target or "")
    asked, ids = _given(tokenizers.source, source, of_source, engine.max_length, "source", prefix)
    if len(ids) == len(prefix) or not source.strip():
        raise DataError("the source is empty", hint="without words there is nothing to look at")
    if target is None:
        written = find(engine, tokenizers, [ids], search, attention=None, details=False)[0].hypotheses[0].ids
        answer = _written(tokenizers.target, written, of_source.spans)
    else:
        answer, written = _given(tokenizers.target, target, of_target, engine.max_length, "target")
    return Explanation(asked, answer, *engine.explain([ids], [written])[0])


def check_explains(engine: Engine) -> None:
    """Raises NMTError where the engine keeps its attention to itself."""
    if not engine.explains:
        raise NMTError(
            f"{engine.name} does not show the attention of a model's layers and heads",
            hint="take the run that the model was exported from",
        )


def _given(
    tokenizer: Tokenizer, text: str, masked: Masked, limit: int, side: str, prefix: Sequence[int] = ()
) -> tuple[Pieces, list[int]]:
    (ids,) = tokenizer.encode([masked.text])
    marks, most = len(prefix), limit - 1 - len(prefix)
    if len(ids) > most:
        raise DataError(
            f"the {side} has {len(ids)} pieces, and the model takes {most}",
            hint="give one of its sentences: the parts of a longer text know nothing of each other",
        )
    ids, offsets = [*prefix, *ids], moved(tokenizer.offsets(masked.text), masked)
    return Pieces(text, tokenizer.names([*ids, EOS]), [(0, 0)] * marks + offsets, marks), ids


def _written(tokenizer: Tokenizer, ids: list[int], spans: Mapping[str, str]) -> Pieces:
    (text,) = tokenizer.decode([ids])
    offsets = moved(tokenizer.decoded_offsets(ids), Masked(text, spans))
    return Pieces(restore(text, spans).translate(LINE_BREAKS), tokenizer.names([*ids, EOS]), offsets)
