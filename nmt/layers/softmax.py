"""Softmax over the last axis, never computed in less than float32."""

import torch
from torch import Tensor

from nmt.dtypes import at_least_float32

SHORT = 16
"""Numbers that a processor's vector holds in float32. torch's CPU kernel takes a shorter row one number at a time:
[292, 4, 14, 14] takes it 4.4 ms forward and 1.8 ms backward, the few operations below 0.7 and 0.4."""


class _ShortRows(torch.autograd.Function):
    @staticmethod
    def forward(context, x: Tensor) -> Tensor:
        y = (x - x.amax(-1, keepdim=True)).exp_()
        y /= y.sum(-1, keepdim=True)
        context.save_for_backward(y)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context, gradient: Tensor) -> Tensor:
        (y,) = context.saved_tensors
        product = gradient * y
        return product.sub_(y * product.sum(-1, keepdim=True))


def softmax(x: Tensor) -> Tensor:
    """y_i = exp(x_i) / sum_k exp(x_k);  dx = y * (dy - sum_k dy_k y_k).

    The result is float32, or what is more precise in `x`.
    """
    x = x.to(at_least_float32(x.dtype))
    return _ShortRows.apply(x) if x.device.type == "cpu" and x.size(-1) < SHORT else x.softmax(-1)
