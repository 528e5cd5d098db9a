"""Dropout, embeddings, positions and the feed-forward layer."""

import math

import pytest
import torch

from nmt.layers.dropout import Dropout, keep_mask
from nmt.layers.embedding import Embeddings
from nmt.layers.feed_forward import FeedForward
from nmt.layers.lookup import lookup
from nmt.layers.norm import LayerNorm
from nmt.layers.position import Position, sinusoidal


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_dropout_drops_its_share_and_keeps_the_mean(probability):
    mask = keep_mask(torch.empty(1000, 1001), probability)
    share = (mask == 0).double().mean().item()
    assert share == pytest.approx(probability, abs=5 * math.sqrt(probability * (1 - probability) / mask.numel()))
    assert mask.double().mean().item() == pytest.approx(1, abs=0.01)
    # Four neighbours come from one random number; they must not know of each other.
    four = (mask == 0).double().flatten()[:1_000_000].view(-1, 4)
    correlation = torch.corrcoef(four.T) - torch.eye(4)
    assert correlation.abs().max() < 0.02


def test_dropout_is_the_identity_in_evaluation_and_seeded_in_training():
    layer, x = Dropout(0.3), torch.randn(3, 5)
    assert layer.eval()(x) is x
    layer.train()
    torch.manual_seed(5)
    first = layer(x)
    torch.manual_seed(5)
    assert torch.equal(first, layer(x)) and not torch.equal(first, layer(x))


def test_lookup_sums_a_frequent_words_gradient_without_losing_it():
    """In bfloat16, adding 1 to 256 gives 256: a plain sum of 4,096 ones would stop there."""
    weight = torch.zeros(5, 3, dtype=torch.bfloat16, requires_grad=True)
    ids = torch.full((4, 1024), 2)
    lookup(ids, weight).backward(torch.ones(4, 1024, 3, dtype=torch.bfloat16))
    assert weight.grad[2].tolist() == [4096] * 3 and not weight.grad[[0, 1, 3, 4]].any()
    exact = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda weight: lookup(torch.tensor([[1, 1], [4, 0]]), weight), [exact])


def test_layer_norm_sums_its_gradients_without_losing_them():
    layer = LayerNorm(8).bfloat16()
    x = torch.randn(4000, 8)
    layer(x.bfloat16()).backward(torch.ones(4000, 8, dtype=torch.bfloat16))
    assert layer.bias.grad.tolist() == [4000] * 8
    exact = torch.nn.LayerNorm(8)
    exact(x).backward(torch.ones(4000, 8))
    assert (layer.weight.grad - exact.weight.grad).abs().max() < 2
    torch.testing.assert_close(layer(x.bfloat16()).float(), exact(x), atol=0.03, rtol=0)


@pytest.mark.parametrize(("tied", "matrices"), [("none", 3), ("target", 2), ("all", 1)])
def test_tied_embeddings_are_one_matrix(tied, matrices):
    embeddings = Embeddings(7, 7, 4, tied)
    assert len(list(embeddings.parameters())) == matrices
    assert (embeddings.project(torch.eye(4)).mT - embeddings.target(torch.arange(7))).abs().max().item() == (
        0 if tied != "none" else pytest.approx((embeddings.output_weight - embeddings.target_weight).abs().max().item())
    )


def test_sinusoidal_positions_by_hand():
    table = sinusoidal(3, 4)
    expected = [math.sin(2), math.cos(2), math.sin(2 / 100), math.cos(2 / 100)]
    torch.testing.assert_close(table[2], torch.tensor(expected))


@pytest.mark.parametrize("kind", ["sinusoidal", "learned"])
def test_positions_start_where_they_are_told(kind):
    position = Position(kind, 9, 4)
    x = torch.randn(2, 6, 4)
    torch.testing.assert_close(position(x)[:, 2:], position(x[:, 2:], start=2))


def test_swiglu_by_hand():
    layer = FeedForward(1, 1, "swiglu", 0.0)
    for name, value in {"expand.weight": [[2.0], [3.0]], "expand.bias": [0, 1], "contract.weight": [[5.0]]}.items():
        layer.get_parameter(name).data = torch.tensor(value, dtype=torch.float32)
    layer.contract.bias.data.zero_()
    gate = 2.0 / (1 + math.exp(-2.0))
    assert layer(torch.ones(1, 1)).item() == pytest.approx(5 * gate * 4, rel=1e-5)
