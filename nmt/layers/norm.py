"""Layer normalisation whose gradient keeps its precision."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LayerNorm(nn.LayerNorm):
    """y = g * (x - mean) / sqrt(var + 1e-5) + b over the last axis (Ba 2016).

    The gradients of g and b are sums over all positions of a batch. torch's CPU kernel takes them in the number format
    of x, and in bfloat16 (8 bits) a sum stops growing: 4,000 ones give 256. There the scale and shift are an operation
    of their own, whose sums torch takes in float32.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[..., D] -> [..., D]"""
        if x.device.type == "cpu" and x.dtype == torch.bfloat16 and torch.is_grad_enabled():
            return torch.addcmul(self.bias, F.layer_norm(x, self.normalized_shape), self.weight)
        return super().forward(x)
