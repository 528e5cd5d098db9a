"""Local attention against full attention under a mask."""

import pytest
import torch
from torch import tensor

from nmt.layers.local import local_attention
from nmt.layers.multi_head import Form, MultiHead
from nmt.layers.position import Relative

FORM = Form(width=12, heads=4, key_value_heads=2, score="scaled_dot", weighting="softmax", dropout=0.0)
LENGTHS = tensor([11, 4, 1])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("window", [1, 3, 5, 11, 40])
@pytest.mark.parametrize("score", ["scaled_dot", "general"])
@pytest.mark.parametrize("relative", [False, True])
def test_it_is_full_attention_under_a_mask(causal, window, score, relative):
    vectors = Relative(2, 3, causal=causal) if relative else None
    layer = MultiHead(FORM._replace(score=score, weighting="entmax15"), relative=vectors).double()
    query, key, value = (torch.randn(3, heads, 11, 3).double() for heads in (4, 2, 2))
    distance = torch.arange(11) - torch.arange(11)[:, None]
    real = torch.arange(11) < LENGTHS[:, None]
    band = (distance.abs() <= window) & (distance <= 0 if causal else distance == distance)
    expected, found = [], []
    whole = layer.attend(query, key, value, band & real[:, None, None], distance=distance, maps=expected)
    ours = local_attention(layer.attend, query, key, value, real, window=window, causal=causal, maps=found)
    torch.testing.assert_close(ours.transpose(1, 2)[real], whole.transpose(1, 2)[real])
    torch.testing.assert_close(found[0].transpose(1, 2)[real], expected[0].transpose(1, 2)[real])
    assert ours.isfinite().all()


def test_equal_energies_give_the_mean_of_the_neighbours():
    layer, value = MultiHead(FORM._replace(width=1, heads=1, key_value_heads=1)), tensor([1.0, 2, 4, 8, 16])
    zero, value = torch.zeros(1, 1, 5, 1), value.view(1, 1, 5, 1)
    both = local_attention(layer.attend, zero, zero, value, None, window=1, causal=False)
    torch.testing.assert_close(both.flatten(), tensor([1.5, 7 / 3, 14 / 3, 28 / 3, 12]))
    back = local_attention(layer.attend, zero, zero, value, None, window=2, causal=True)
    torch.testing.assert_close(back.flatten(), tensor([1, 1.5, 7 / 3, 14 / 3, 28 / 3]))
