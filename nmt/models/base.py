"""The contract between a model and everything else: training, search and evaluation know these names and no more."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, Union

import torch
from torch import Tensor, nn

# B batch, K hypotheses a sentence, S source, T target, D width, V vocabulary

Parts = dict[str, tuple[nn.Module | nn.Parameter, ...]]
"""Name -> what has the weights."""

Tree = Union[Tensor, int, None, tuple["Tree", ...]]  # noqa: UP007 (a forward reference)
"""Tensors in (named) tuples, each with one row a sentence on axis 0, and numbers that all sentences share."""


class Cut(NamedTuple):
    """Positions whose word a model is not shown in training: their embedding is 0. None where all are shown."""

    source: Tensor | None = None  # [B, S] bool
    target: Tensor | None = None  # [B, T] bool


class Step(NamedTuple):
    """One target position of every hypothesis."""

    hidden: Tensor  # [B, K, D], what `project` turns into logits
    state: Tree  # after the token


class Decoded(NamedTuple):
    """All target positions under teacher forcing."""

    hidden: Tensor  # [B, T, D]
    choices: Tensor | None = None  # [B, T] log p(a_t) of what was drawn on the way to position t, with its gradient
    bonus: Tensor | None = None  # [B, T] where there are choices: what training takes off the loss of each position


class Attention(NamedTuple):
    """Attention maps, [B, layer, head, query, key] each; None where the model has no such attention."""

    encoder: Tensor | None = None
    decoder: Tensor | None = None
    cross: Tensor | None = None


def select(tree: Tree, rows: Tensor) -> Tree:
    """Some sentences, or all in another order: rows of axis 0 in every tensor."""
    return _map(lambda tensor: tensor.index_select(0, rows), tree)


def continue_from(tree: Tree, origin: Tensor) -> Tree:
    """In every tensor [B, K, ...], hypothesis k of sentence b becomes what hypothesis origin[b, k] was.

    `origin` may have more or fewer hypotheses than the tensors.
    """
    sentence = torch.arange(len(origin), device=origin.device)[:, None]

    def chosen(tensor: Tensor) -> Tensor:
        rows = origin + tensor.size(1) * sentence
        return tensor.flatten(0, 1).index_select(0, rows.flatten()).unflatten(0, origin.shape)

    return _map(chosen, tree)


def _map(function: Callable[[Tensor], Tensor], tree: Tree) -> Tree:
    if tree is None or isinstance(tree, int):
        return tree
    if isinstance(tree, Tensor):
        return function(tree)
    mapped = [_map(function, part) for part in tree]
    return type(tree)(*mapped) if hasattr(tree, "_fields") else tuple(mapped)


class Seq2Seq(nn.Module):
    """p(y|x) = prod_t p(y_t | y_<t, x). `step` and `forward` are two orders of one computation.

    Encoded: all that stays fixed while decoding; it never changes.
    State: what is known of each sentence's K hypotheses. `step` may write into it, so only the newest one is of use.
    Both are NamedTuples of tensors with one row a sentence (a `Tree`); each model has its own.
    """

    max_length: int
    """Longest source or target in ids, end mark included."""

    def encode(self, src: Tensor) -> Tree:
        """Source ids [B, S], padded on the right -> Encoded of B rows."""
        raise NotImplementedError

    def start(self, encoded: Tree, beams: int) -> Tree:
        """The State before the first target token, for K = `beams` hypotheses a sentence."""
        raise NotImplementedError

    def step(self, token: Tensor, encoded: Tree, state: Tree) -> Step:
        """The last target ids [B, K] (BOS first) -> hidden [B, K, D] that predicts the next, and the new State."""
        raise NotImplementedError

    def reorder(self, state: Tree, origin: Tensor) -> Tree:
        """The State in which hypothesis k of sentence b continues what was its hypothesis origin[b, k]."""
        return continue_from(state, origin)

    def forward(self, src: Tensor, tgt_in: Tensor, cut: Cut = Cut()) -> Decoded:
        """Teacher forcing: source ids [B, S] and target ids [B, T] that begin with BOS -> hidden [B, T, D]."""
        raise NotImplementedError

    def project(self, hidden: Tensor, vocabulary: Tensor | None = None) -> Tensor:
        """hidden [..., D] -> logits [..., V], or of the ids in `vocabulary` alone. The only place where V appears."""
        raise NotImplementedError

    def explain(self, src: Tensor, tgt_in: Tensor) -> Attention:
        """The attention maps under teacher forcing, computed on the explicit path."""
        raise NotImplementedError

    def parts(self) -> Parts:
        """What a user may name, to freeze it. Together they have all weights; some have the same ones."""
        raise NotImplementedError


def numbered(name: str, layers: Iterable[tuple[nn.Module, ...] | nn.Module]) -> Parts:
    """The layers as parts of their own: encoder.1 and so on."""
    each = (layer if isinstance(layer, tuple) else (layer,) for layer in layers)
    return {f"{name}.{number}": layer for number, layer in enumerate(each, start=1)}
