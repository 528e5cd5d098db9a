"""The oracle of everything that computes all positions at once."""

import torch
from torch import Tensor

from nmt.models.base import Seq2Seq


def scan(model: Seq2Seq, src: Tensor, tgt_in: Tensor) -> Tensor:
    """hidden [B, T, D] by `step` alone: the sequential order of the computation that `forward` does at once."""
    encoded = model.encode(src)
    state = model.start(encoded, 1)
    hidden = []
    for token in tgt_in.split(1, 1):
        step = model.step(token, encoded, state)
        hidden.append(step.hidden)
        state = step.state
    return torch.cat(hidden, 1)
