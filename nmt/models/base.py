"""The contract between a model and everything else: training, search and evaluation know these names and no more."""

from typing import NamedTuple, Union

import torch
from torch import Tensor, nn

# B batch, K hypotheses a sentence, S source, T target, D width, V vocabulary

Tree = Union[Tensor, None, tuple["Tree", ...]]  # noqa: UP007 (a forward reference)
"""Tensors in (named) tuples. Every tensor has its rows on axis 0."""


class Step(NamedTuple):
    """One target position of every hypothesis."""

    hidden: Tensor  # [B*K, D], what `project` turns into logits
    state: Tree  # after the token


class Decoded(NamedTuple):
    """All target positions under teacher forcing."""

    hidden: Tensor  # [B, T, D]


class Attention(NamedTuple):
    """Attention maps, [B, layer, head, query, key] each; None where the model has no such attention."""

    encoder: Tensor | None = None
    decoder: Tensor | None = None
    cross: Tensor | None = None


def select(tree: Tree, rows: Tensor) -> Tree:
    """Rows of axis 0 in every tensor: repeats, reorders or drops them."""
    if tree is None:
        return None
    if isinstance(tree, Tensor):
        return tree.index_select(0, rows)
    chosen = [select(part, rows) for part in tree]
    return type(tree)(*chosen) if hasattr(tree, "_fields") else tuple(chosen)


class Seq2Seq(nn.Module):
    """p(y|x) = prod_t p(y_t | y_<t, x). `step` and `forward` are two orders of one computation.

    Encoded: all that stays fixed while decoding, one row a sentence; it never changes.
    State: all that search reorders, one row a hypothesis, a sentence's K hypotheses side by side.
    Both are NamedTuples of tensors (a `Tree`); each model has its own.
    """

    max_length: int
    """Longest source or target in ids, end mark included."""

    def encode(self, src: Tensor) -> Tree:
        """Source ids [B, S], padded on the right -> Encoded of B rows."""
        raise NotImplementedError

    def start(self, encoded: Tree, beams: int) -> Tree:
        """The State before the first target token: B * beams rows."""
        raise NotImplementedError

    def step(self, token: Tensor, encoded: Tree, state: Tree) -> Step:
        """The last target ids [B*K] (BOS first) -> hidden [B*K, D] that predicts the next, and the new State."""
        raise NotImplementedError

    def forward(self, src: Tensor, tgt_in: Tensor) -> Decoded:
        """Teacher forcing: source ids [B, S] and target ids [B, T] that begin with BOS -> hidden [B, T, D]."""
        raise NotImplementedError

    def project(self, hidden: Tensor, vocabulary: Tensor | None = None) -> Tensor:
        """hidden [..., D] -> logits [..., V], or of the ids in `vocabulary` alone. The only place where V appears."""
        raise NotImplementedError

    def explain(self, src: Tensor, tgt_in: Tensor) -> Attention:
        """The attention maps under teacher forcing, computed on the explicit path."""
        raise NotImplementedError


def scan(model: Seq2Seq, src: Tensor, tgt_in: Tensor) -> Tensor:
    """hidden [B, T, D] by `step` alone: the sequential order of the computation that `forward` does at once."""
    encoded = model.encode(src)
    state = model.start(encoded, 1)
    hidden = []
    for token in tgt_in.unbind(1):
        step = model.step(token, encoded, state)
        hidden.append(step.hidden)
        state = step.state
    return torch.stack(hidden, 1)
