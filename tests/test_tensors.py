"""Models without numbers: their weights have the shapes of real ones, and cost nothing."""

import pytest
from variants import config_of, variants

from nmt.models import build
from nmt.tensors import Shapes


def shapes_of(model) -> dict:
    return {name: (weight.shape, weight.dtype) for name, weight in model.named_parameters()}


@pytest.mark.parametrize("variant", variants())
def test_a_model_without_numbers_has_the_shapes_of_a_real_one(variant):
    config = config_of(variant)
    with Shapes():
        model = build(config, 11, 12)
    assert all(weight.is_meta for weight in model.parameters())
    assert shapes_of(model) == shapes_of(build(config, 11, 12))


@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary"])
def test_the_largest_model_takes_no_memory(positions):
    """Its embeddings alone have 64 GiB, and a table of positions 1 GiB."""
    sizes = {"width": 1 << 14, "feed_forward": 1 << 14, "max_length": 1 << 14, "heads": 64, "positions": positions}
    config = config_of({"type": "transformer", **sizes, "encoder_layers": 1, "decoder_layers": 1})
    with Shapes():
        model = build(config, 1 << 20, 1 << 20)
    assert sum(buffer.numel() for buffer in model.buffers()) < 1 << 20
    assert sum(weight.numel() for weight in model.parameters()) > 1 << 33
