"""Word embeddings of both sides and the output layer, tied as the config says (Press & Wolf 2017)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nmt.layers.lookup import lookup

# V vocabulary, D width


class Embeddings(nn.Module):
    """E_x: source ids -> vectors, E_y: target ids -> vectors, and logits = hidden W^T.

    tied = "target": W is E_y. tied = "all": E_x, E_y and W are one matrix (one shared vocabulary).
    """

    def __init__(self, source_size: int, target_size: int, width: int, tied: str):
        super().__init__()
        self.target_weight = nn.Parameter(torch.empty(target_size, width))
        self.source_weight = self.target_weight if tied == "all" else nn.Parameter(torch.empty(source_size, width))
        self.output_weight = nn.Parameter(torch.empty(target_size, width)) if tied == "none" else self.target_weight
        for weight in self.parameters():
            nn.init.normal_(weight, std=width**-0.5)

    def source(self, ids: Tensor, cut: Tensor | None = None) -> Tensor:
        """[...] -> [..., D], zeros where `cut` [...] says so"""
        return _without(cut, lookup(ids, self.source_weight))

    def target(self, ids: Tensor, cut: Tensor | None = None) -> Tensor:
        """[...] -> [..., D], zeros where `cut` [...] says so"""
        return _without(cut, lookup(ids, self.target_weight))

    def project(self, hidden: Tensor, vocabulary: Tensor | None = None) -> Tensor:
        """[..., D] -> logits [..., V], or of the ids in `vocabulary` alone."""
        return F.linear(hidden, self.output_weight if vocabulary is None else self.output_weight[vocabulary])

    def parts(self) -> dict[str, tuple[nn.Parameter, ...]]:
        """The weights by the names of a model's parts. A tied one has several."""
        source, target = self.source_weight, self.target_weight
        return {
            "embeddings": (source, target), "source_embeddings": (source,), "target_embeddings": (target,),
            "output": (self.output_weight,),
        }  # fmt: skip

def _without(cut: Tensor | None, embedded: Tensor) -> Tensor:
    return embedded if cut is None else embedded.masked_fill(cut[..., None], 0)
