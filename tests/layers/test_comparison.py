"""The additive score in a long loop: what its gradients are sums of. That they are right is a law of the models."""

import torch

from nmt.layers import comparison


def test_gradients_are_summed_in_more_than_bfloat16(monkeypatch):
    """They are sums over the steps, and over the keys of each."""
    monkeypatch.setattr(comparison, "_LARGE", 0)
    steps, found = 600, []
    for dtype in (torch.bfloat16, torch.float64):
        torch.manual_seed(1)
        keys, v, w = (torch.rand(*shape).to(dtype).requires_grad_() for shape in ((1, 3, 4), (4,), (4,)))
        seen = torch.rand(1, 1, 3).to(dtype)
        compared = comparison.for_loop(keys, v, w, steps)
        query = torch.zeros(1, 1, 4, dtype=dtype, requires_grad=True)
        sum(comparison.compare(query, seen, compared).double().sum() for _ in range(steps)).backward()
        found.append([each.grad for each in (keys, v, w)])
    for rounded, exact in zip(*found, strict=True):
        assert rounded.dtype == torch.bfloat16
        torch.testing.assert_close(rounded.double(), exact, rtol=0.03, atol=0)
