"""The position-wise feed-forward layer of the Transformer."""

import torch.nn.functional as F
from torch import Tensor, nn

from nmt.layers.dropout import Dropout

ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


class FeedForward(nn.Module):
    """FFN(x) = W_2 act(W_1 x + b_1) + b_2, act relu or gelu (Vaswani 2017, eq. 2).

    swiglu (Shazeer 2020): W_2 (silu(W_1 x + b_1) * (W_3 x + b_3)) + b_2; one product computes W_1 x and W_3 x.
    """

    def __init__(self, width: int, inner: int, activation: str, dropout: float):
        super().__init__()
        self.activation = activation
        self.expand = nn.Linear(width, 2 * inner if activation == "swiglu" else inner)
        self.contract = nn.Linear(inner, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[..., D] -> [..., D]"""
        inner = self.expand(x)
        if self.activation == "swiglu":
            gate, value = inner.chunk(2, -1)
            inner = F.silu(gate) * value
        else:
            inner = ACTIVATIONS[self.activation](inner)
        return self.contract(self.dropout(inner))
