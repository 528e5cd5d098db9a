"""What finds and scores translations in ids: torch, or CTranslate2 where a model was exported to it.

A Translator turns text into ids and back and asks an engine for the rest. This file imports neither: torch's import
alone takes longer than CTranslate2 takes for a sentence.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from nmt import bundle
from nmt.bundle import Description
from nmt.config import SearchConfig
from nmt.config.data import TargetOrder
from nmt.data.planning import plan
from nmt.data.tokenizer import Tokenizers
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.windows import Item
from nmt.errors import ConfigError

CTRANSLATE2_WEIGHTS = "model.bin"
"""The file by which an exported model is known."""

Result = TypeVar("Result")


class HeadChoice(NamedTuple):
    """Whose attention is meant."""

    layer: int | None = None
    """From 1, the first; None is the mean of all."""
    head: int | None = None
    """Likewise, of that layer, or of the only one."""

    def of(self, maps: Any) -> Any:
        """Attention [..., layer, head, T, S], of torch or numpy -> [..., T, S].

        Raises ConfigError where there is no such layer or head.
        """
        self.check(*maps.shape[-4:-2])
        layer = maps.mean(-4) if self.layer is None else maps[..., self.layer - 1, :, :, :]
        return layer.mean(-3) if self.head is None else layer[..., self.head - 1, :, :]

    def check(self, layers: int, heads: int, *, kind: str = "attention to the source") -> None:
        """Raises ConfigError where so many layers and heads of this kind do not have what is meant."""
        for name, asked, count in (("layer", self.layer, layers), ("head", self.head, heads)):
            if asked is not None and not 1 <= asked <= count:
                has = f"one {name}" if count == 1 else f"{name}s 1 to {count}"
                hint = "numbers begin at 1; without one it is the mean of all"
                raise ConfigError(f"{name} {asked}: {kind} has {has} here", hint=hint)
        if self.head is not None and self.layer is None and layers > 1:
            hint = "heads of different layers have nothing in common but a number"
            raise ConfigError(f"head {self.head}: of which layer?", hint=hint)


class Found(NamedTuple):
    """What became of a source."""

    hypotheses: list[Hypothesis]
    """Best first; samples in the order drawn."""
    attention: np.ndarray | None
    """[first hypothesis' tokens, source tokens], end marks included; None unless asked for and there is one."""


class Origin(NamedTuple):
    """Where a translator comes from, so that a worker process can load it once more."""

    paths: tuple[Path, ...]
    """Run folders, bundles or an exported model; several are an ensemble."""
    rerank: tuple[tuple[Path, float], ...] = ()
    """The models that choose among its hypotheses, with their weights."""
    precision: str = "auto"
    """That was asked for: what all of them compute in need not be the same."""

    def version(self) -> tuple:
        """Another one when a training has put better weights anywhere there."""
        return tuple(map(bundle.version, [*self.paths, *(path for path, _ in self.rerank)]))

    def __str__(self) -> str:
        return " + ".join(map(str, self.paths))


class Maps(NamedTuple):
    """Attention maps of a pair, [layer, head, query, key] each; None where the model has no such attention."""

    encoder: np.ndarray | None
    decoder: np.ndarray | None
    cross: np.ndarray | None


class Engine(Protocol):
    """A model and the way it is run."""

    max_length: int
    """Longest source or target in ids, end mark included."""
    name: str
    """For the signature of a score."""
    precision: str
    """The number format in which it computes, likewise."""
    explains: bool
    """Whether it has `explain`."""
    order: TargetOrder
    """In which its model writes; what comes out of it is in the order in which people read."""

    def search(
        self, sources: Sequence[list[int]], search: SearchConfig, *, attention: HeadChoice | None, details: bool
    ) -> list[Found]:
        """Translate sources without their end marks.

        Without `details` an engine that gets no token's log-probability from its search may leave them out.
        """

    def score(
        self, sources: Sequence[list[int]], targets: Sequence[list[int]], *, batch_tokens: int
    ) -> list[list[float]]:
        """log p(y_t | y_<t, x) of each target's ids and, last, of its end mark."""

    def explain(self, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> list[Maps]:
        """All attention of each pair, end marks included."""

    def each(
        self, method: Callable[..., list[Result]], translator: Any, windows: Iterable[list[Item]], *,
        workers: int | None,
    ) -> Iterator[list[Result]]:  # fmt: skip
        """`method(translator, window)` for each window, in order, by so many workers; None chooses."""


def open_engine(
    *described: Description, device: str = "auto", precision: str = "auto", threads: int | None = None
) -> Engine:
    """The engine that a bundle is for, or the ensemble of several. `precision` is float32, bfloat16, or auto; `threads`
    are those of the CPU, None lets the engine choose.

    Raises CheckpointError for a bundle, ConfigError for bundles that make no ensemble, and NMTError for the device or
    the precision.
    """
    from nmt.decoding.target_order import in_order

    options = {"device": device, "precision": precision, "threads": threads}
    first, *others = described
    for other in others:
        _check_together(first, other)
    if is_exported(first):
        from nmt.decoding.ctranslate2_engine import CTranslate2Engine

        engine = CTranslate2Engine(first, **options)
    else:
        from nmt.decoding.torch_engine import load

        engine = load(described, **options)
    return in_order(engine, first.config.target_order)


def is_exported(described: Description) -> bool:
    """Whether a bundle is for CTranslate2."""
    return (described.folder / CTRANSLATE2_WEIGHTS).is_file()


def _check_together(one: Description, other: Description) -> None:
    """Raise ConfigError where two models cannot be members of one ensemble: all must see the same ids, and each step
    must be about the same piece of the translation."""
    for each in (one, other):
        if is_exported(each):
            raise ConfigError(
                f"{each.folder}: CTranslate2 tells no probabilities that could be averaged with another model's",
                hint="take the run that the model was exported from",
            )
    both = f"{one.folder} and {other.folder}"
    languages = [f"{each.config.source_language}-{each.config.target_language}" for each in (one, other)]
    if languages[0] != languages[1]:
        reverse = one.config.source_language == other.config.target_language
        reverse &= one.config.target_language == other.config.source_language
        hint = "--rerank takes both directions" if reverse else "an ensemble's models translate the same languages"
        raise ConfigError(f"{both} translate {languages[0]} and {languages[1]}", hint=hint)
    if one.config.target_order != other.config.target_order:
        raise ConfigError(
            f"{both} begin at different ends of a translation (data.target_order)", hint="--rerank takes both"
        )
    for side, own, others in zip(Tokenizers._fields, one.tokenizers, other.tokenizers, strict=True):
        if own.model != others.model:
            raise ConfigError(
                f"{both} have different {side} vocabularies, and their ids cannot be averaged",
                hint="train them on the same prepared data, or use --rerank, which compares texts",
            )
    tags = [each.tokenizers.source.tags for each in (one, other)]
    if tags[0] != tags[1]:
        known = " and ".join(", ".join(each) or "none" for each in tags)
        raise ConfigError(f"{both} know different tags ({known})", hint="--rerank takes both")


def batches(lengths: Sequence[tuple[int, int]], tokens: int) -> Iterator[list[int]]:
    """Places of rows of like lengths (pieces of source and target), in batches whose padded rectangle fits `tokens`."""
    if lengths:
        yield from (batch.tolist() for batch in plan(np.array(lengths), batch_tokens=tokens))
