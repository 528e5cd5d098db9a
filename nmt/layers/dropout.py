"""Dropout (Srivastava 2014), with cheap random bits on the CPU."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Dropout(nn.Module):
    """y = x * m / (1 - p), each m 0 with probability p and else 1; in evaluation mode y = x.

    On the CPU torch draws one 53-bit number for every element, which costs more than a layer's matrix products. Here
    one 64-bit number serves four elements: each compares 16 bits with p, so p is exact to 2^-16.
    """

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.probability == 0:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.probability)
        return x * keep_mask(x, self.probability)

    def extra_repr(self) -> str:
        return str(self.probability)


def keep_mask(x: Tensor, probability: float) -> Tensor:
    """A tensor like `x` of zeros (with the probability) and 1 / (1 - probability), which bfloat16 rounds by up to 0.2%.
    """
    bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
    dropped = min(round(probability * 2**16), 2**16 - 1)
    mask = torch.empty(x.shape, dtype=x.dtype)
    torch.ge(bits[: x.numel()], dropped - 2**15, out=mask.view(-1))  # straight into x's format: half the time
    return mask.mul_(2**16 / (2**16 - dropped))
