"""Multi-head attention by hand, and its short cuts against the explicit equation."""

import math

import pytest
import torch
from torch import tensor

from nmt.layers import blocks
from nmt.layers.multi_head import Form, MultiHead, fused_attention
from nmt.layers.position import Relative

PLAIN = Form(width=4, heads=1, key_value_heads=1, score="scaled_dot", weighting="softmax", dropout=0.0)


def layer_of(**settings) -> MultiHead:
    return MultiHead(PLAIN._replace(**settings)).double().eval()


def test_one_head_is_attention_between_projections():
    layer = layer_of()
    x, memory = torch.randn(2, 3, 4).double(), torch.randn(2, 5, 4).double()
    key, value = layer.key_value(memory).chunk(2, -1)
    expected = layer.output((layer.query(x) @ key.mT / 2).softmax(-1) @ value)
    torch.testing.assert_close(layer(x, memory, None), expected)


@pytest.mark.parametrize("shared", [1, 2])
@pytest.mark.parametrize("score", ["scaled_dot", "additive", "general"])
def test_heads_that_share_keys_are_heads_with_equal_keys(shared, score):
    few = layer_of(width=8, heads=4, key_value_heads=shared, score=score)
    many = layer_of(width=8, heads=4, key_value_heads=4, score=score)
    many.load_state_dict({name: each for name, each in few.state_dict().items() if "key" not in name}, strict=False)
    for name in ("weight", "bias"):
        part = getattr(few.key_value, name).data.unflatten(0, (2, shared, 2))
        getattr(many.key_value, name).data = part.repeat_interleave(4 // shared, 1).flatten(0, 2)
    x, memory, mask = torch.randn(2, 3, 8).double(), torch.randn(2, 5, 8).double(), torch.rand(2, 1, 3, 5) > 0.3
    mask[..., 0] = True
    torch.testing.assert_close(few(x, memory, mask), many(x, memory, mask))
    assert few.key_value.out_features == 2 * 2 * shared


QUERY, KEYS = tensor([[[[1.0, 2.0]]]]).double(), tensor([[[[1.0, 0.0], [0.0, 3.0]]]]).double()


@pytest.mark.parametrize(
    ("score", "weights", "expected"),
    [
        ("dot", {}, [1.0, 6.0]),
        ("scaled_dot", {}, [1 / 2**0.5, 6 / 2**0.5]),
        ("general", {"matrix": [[[0.0, 1.0], [1.0, 0.0]]]}, [2.0, 3.0]),  # q M is (2, 1)
        ("additive", {"v": [[1.0, 10.0]]}, [math.tanh(2) + 10 * math.tanh(2), math.tanh(1) + 10 * math.tanh(5)]),
    ],
)
def test_scores_by_hand(score, weights, expected):
    layer = layer_of(width=2, score=score)
    layer.query.weight.data, layer.query.bias.data = torch.eye(2).double(), torch.zeros(2).double()
    for name, value in weights.items():
        layer.get_parameter(name).data = tensor(value).double()
    energy = layer.energy(layer.queries(QUERY[0]), KEYS) * layer.scale
    torch.testing.assert_close(energy[0, 0, 0], tensor(expected).double())


@pytest.mark.parametrize("score", ["dot", "additive"])
def test_a_vector_for_the_distance_joins_the_key(score):
    relative = Relative(1, 2, causal=False).double()
    relative.table.data = tensor([[0.0, 1.0], [2.0, 0.0], [1.0, 1.0]]).double()  # at -1, 0 and 1
    layer = MultiHead(PLAIN._replace(width=2, score=score), relative=relative).double()
    query, distance = torch.randn(1, 1, 3, 2).double(), tensor([[0, 1, 2], [-1, 0, 1], [-2, -1, 0]])
    keys, energy = torch.randn(1, 1, 3, 2).double(), torch.empty(3, 3).double()
    for i in range(3):
        for j in range(3):
            key = keys[0, 0, j] + relative.table[min(1, max(-1, j - i)) + 1]
            q = query[0, 0, i]
            energy[i, j] = q @ key if score == "dot" else (q + key).tanh() @ layer.v[0]
    torch.testing.assert_close(layer.energy(query, keys, distance)[0, 0], energy)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shared", [1, 2, 4])
def test_the_fused_kernel_is_the_explicit_path(dtype, shared):
    layer = MultiHead(PLAIN._replace(width=16, heads=4, key_value_heads=shared)).to(dtype)
    query, key, value = (torch.randn(2, heads, n, 4).to(dtype) for heads, n in ((4, 5), (shared, 7), (shared, 7)))
    mask, maps = torch.rand(2, 1, 5, 7) > 0.3, []
    mask[..., 0] = True
    tolerance = {"atol": 1e-12 if dtype == torch.float64 else 0.03, "rtol": 0}
    expected = layer.attend(query, key, value, mask, maps=maps)
    torch.testing.assert_close(fused_attention(query, key, value, mask), expected, **tolerance)
    key = key.repeat_interleave(4 // shared, 1)
    energy = (query.double() @ key.double().mT / 2).masked_fill(~mask, -math.inf)
    torch.testing.assert_close(maps[0].double(), energy.softmax(-1), **tolerance)


def test_the_fused_kernel_sees_no_more_of_the_past_than_the_explicit_path():
    layer = layer_of(width=8, heads=2, key_value_heads=2)
    query, key, value = torch.randn(3, 2, 2, 5, 4).double()
    expected = layer.attend(query, key, value, torch.ones(5, 5, dtype=torch.bool).tril())
    torch.testing.assert_close(layer.attend(query, key, value, None, causal=True), expected)
    torch.testing.assert_close(fused_attention(query, key, value, None, causal=True), expected)


def test_attention_dropout_keeps_the_mean():
    layer, maps = layer_of(width=2, dropout=0.25).train(), []
    query, key, value = torch.zeros(1, 1, 1, 2), torch.zeros(1, 1, 1000, 2), torch.ones(1, 1, 1000, 2)
    output = layer.attend(query, key, value, None, maps=maps)
    assert output[0, 0, 0, 0].item() == pytest.approx(1, abs=0.1) and output[0, 0, 0, 0] != 1
    assert maps[0].sum().item() == pytest.approx(1)


def test_dropout_in_blocks_draws_the_same_again(monkeypatch):
    """Computed again for the backward pass with other zeros, gradients would not be those of what was computed."""
    monkeypatch.setattr(blocks, "_LARGE", 0)
    monkeypatch.setattr(blocks, "_BLOCK", 8)
    layer = layer_of(dropout=0.5).train()
    x = torch.randn(1, 6, 4, dtype=torch.float64, requires_grad=True)

    def attend(x: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(1)
        return layer(x, x, None)

    assert torch.autograd.gradcheck(attend, x)
