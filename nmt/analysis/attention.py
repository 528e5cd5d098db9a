"""What a model attends to in one sentence, as maps of words or pieces that can be shown.

    from nmt import Translator
    from nmt.analysis.attention import Choice, attend, maps

    attended = attend(Translator.load("runs/x"), "Guten Morgen!")
    ((one,),) = maps(attended.kinds["cross"], Choice(layer=2, head=1))      # one.weights [query, key]

A model has up to three kinds of attention: of the source to itself (encoder), of the translation to itself (decoder),
and of the translation to the source (cross). A row of cross-attention is the step that writes a piece, so its query is
what the decoder knew just before; a row of self-attention is the step that reads the piece.
"""

from typing import Any, NamedTuple

import numpy as np

from nmt.analysis import rollout
from nmt.analysis.words import word_of_piece, words_of
from nmt.config.data import TargetOrder
from nmt.decoding.engine import HeadChoice
from nmt.decoding.explanation import Explanation, Pieces
from nmt.decoding.target_order import as_read, as_written
from nmt.decoding.translator import Translator
from nmt.errors import ConfigError, NMTError
from nmt.ids import BOS

NAMES = {"cross": "cross-attention", "encoder": "encoder self-attention", "decoder": "decoder self-attention"}
"""The kinds, in the order in which they are shown."""
WITHOUT = "every other model looks back at the source; a gru hands all of it over in one vector"
"""The hint where a model has no attention."""


class Tokens(NamedTuple):
    """One axis of a map."""

    names: list[str]
    word: list[int]
    """The word that each token belongs to; marks are words of their own."""
    words: list[str]

    def merged(self) -> "Tokens":
        """The words as tokens."""
        return Tokens(self.words, list(range(len(self.words))), self.words)


class Kind(NamedTuple):
    """One kind of attention, in all its layers and heads."""

    name: str
    queries: Tokens
    keys: Tokens
    weights: np.ndarray  # [layer, head, query, key]
    rollout: np.ndarray | None  # [query, key]; None where the model lacks what it takes


class Attended(NamedTuple):
    """A source, its translation, and the kinds of attention between them that the model has."""

    source: str
    target: str
    source_tokens: Tokens
    target_tokens: Tokens
    kinds: dict[str, Kind]


class Choice(NamedTuple):
    """What to show of a kind. Layers and heads count from 1."""

    layer: int | None = None
    """None: the mean of all."""
    head: int | None = None
    """One of that layer; None: the mean of all."""
    every: bool = False
    """Every head by itself: of the layer, or of all layers."""
    rollout: bool = False
    """What the layers do together (see rollout.py)."""


class Map(NamedTuple):
    """One picture."""

    title: str
    queries: list[str]
    keys: list[str]
    weights: np.ndarray  # [query, key]


def attend(translator: Translator, source: str, target: str | None = None, **overrides: Any) -> Attended:
    """Translate a sentence, or force a translation that is given, and keep all that the model attends to.

    Raises NMTError for a model without attention, and what Translator.explain does.
    """
    found = translator.explain(source, target, **overrides)
    source_tokens, target_tokens = _tokens(found.source), _tokens(found.target)
    (begin,) = translator.tokenizers.target.pieces([BOS])
    read = Tokens(
        [begin, *target_tokens.names[:-1]], [0, *(word + 1 for word in target_tokens.word[:-1])],
        [begin, *target_tokens.words[:-1]],
    )  # fmt: skip
    axes = {"cross": (target_tokens, source_tokens), "encoder": (source_tokens,) * 2, "decoder": (read,) * 2}
    weights = {name: getattr(found, name) for name in NAMES}
    kinds = {
        name: Kind(name, *axes[name], weights[name], _rollout(name, found, translator.engine.order))
        for name in NAMES if weights[name] is not None
    }  # fmt: skip
    if not kinds:
        raise NMTError(f"{translator.origin or 'this model'}: has no attention to show", hint=WITHOUT)
    return Attended(found.source.text, found.target.text, source_tokens, target_tokens, kinds)


def merged(attended: Attended) -> Attended:
    """The same among words. What a word looks at is the mean of what its pieces look at, and how much is looked at it
    is the sum over its pieces (Clark 2019): so a row that was a distribution over pieces is one over words."""
    source, target = attended.source_tokens.merged(), attended.target_tokens.merged()
    kinds = {name: _merged(kind) for name, kind in attended.kinds.items()}
    return Attended(attended.source, attended.target, source, target, kinds)


def maps(kind: Kind, choice: Choice) -> list[list[Map]]:
    """Rows of pictures: a row for each layer and a picture for each head where every head is asked for, else just one.

    Raises ConfigError for a layer, a head or a rollout that is not there.
    """
    check(kind, choice)
    if choice.rollout:
        return [[_map(kind, "rollout", kind.rollout)]]
    if choice.every:
        every, heads = (range(1, count + 1) for count in kind.weights.shape[:2])
        layers = every if choice.layer is None else [choice.layer]
        rows = [[HeadChoice(layer, head) for head in heads] for layer in layers]
        return [[_map(kind, _title(kind, each), each.of(kind.weights)) for each in row] for row in rows]
    heads = HeadChoice(choice.layer, choice.head)
    return [[_map(kind, _title(kind, heads), heads.of(kind.weights))]]


def check(kind: Kind, choice: Choice) -> None:
    """Raises ConfigError for a layer, a head or a rollout that is not there, and for what cannot go together."""
    name = NAMES[kind.name]
    HeadChoice(choice.layer, choice.head).check(*kind.weights.shape[:2], kind=name)
    if choice.rollout and (choice.layer, choice.head, choice.every) != (None, None, False):
        raise ConfigError("rollout is of all layers and heads together", hint="ask for it alone")
    if choice.every and choice.head is not None:
        raise ConfigError("every head, and one head?", hint="ask for one of the two")
    if choice.rollout and kind.rollout is None:
        raise ConfigError(
            f"{name}: rollout follows self-attention through encoder and decoder, which this model lacks",
            hint="ask for a layer and a head, or for their mean",
        )


def _tokens(pieces: Pieces) -> Tokens:
    """A word that became no piece is left out; the end mark is a word of its own, and so is a tag."""
    marks = pieces.names[: pieces.marks]
    numbers = word_of_piece(pieces.text, pieces.offsets[pieces.marks :], apart=True)
    words, present = words_of(pieces.text, apart=True) or [""], sorted(set(numbers))
    place = {number: new for new, number in enumerate(present, start=len(marks))}
    word = [*range(len(marks)), *map(place.get, numbers), len(marks) + len(present)]
    return Tokens(pieces.names, word, [*marks, *(words[each] for each in present), pieces.names[-1]])


def _rollout(name: str, found: Explanation, order: TargetOrder) -> np.ndarray | None:
    if name == "cross":
        both = found.encoder is not None and found.decoder is not None
        if not both:
            return None
        return as_written(rollout.cross(found.encoder, found.decoder, as_read(found.cross, order)), order)
    weights = getattr(found, name)
    return rollout.of(weights)


def _merged(kind: Kind) -> Kind:
    whole = None if kind.rollout is None else _merge(kind.rollout, kind.queries, kind.keys)
    weights = _merge(kind.weights, kind.queries, kind.keys)
    return Kind(kind.name, kind.queries.merged(), kind.keys.merged(), weights, whole)


def _merge(weights: np.ndarray, queries: Tokens, keys: Tokens) -> np.ndarray:
    """[..., query, key] among pieces -> among words."""
    rows = np.eye(len(queries.words), dtype=weights.dtype)[queries.word]  # [piece, word]
    columns = np.eye(len(keys.words), dtype=weights.dtype)[keys.word]
    return (rows / rows.sum(0)).T @ weights @ columns


def _map(kind: Kind, title: str, weights: np.ndarray) -> Map:
    return Map(f"{NAMES[kind.name]}: {title}", kind.queries.names, kind.keys.names, weights)


def _title(kind: Kind, chosen: HeadChoice) -> str:
    """What is averaged is said, unless there is but one."""
    layers, heads = kind.weights.shape[:2]
    of_layers = f"mean of {layers} layers" if layers > 1 else "one layer"
    of_heads = f"mean of {heads} heads" if heads > 1 else "one head"
    layer, head = chosen
    return f"{of_layers if layer is None else f'layer {layer}'}, {of_heads if head is None else f'head {head}'}"
