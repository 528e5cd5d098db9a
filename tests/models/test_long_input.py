"""What long texts cost: no tensor of T * T numbers where attention is local or linear, and a state that does not grow
where the decoder's past is bounded."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from variants import model_of

from nmt.layers import blocks, comparison
from nmt.models.base import Seq2Seq

TINY = {"type": "transformer", "width": 8, "heads": 2, "feed_forward": 8, "max_length": 2048, "window": 4}


class Largest(TorchDispatchMode):
    """Watches every operation, of the backward pass as well, for the largest tensor that it makes."""

    numbers = 0

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        made = function(*arguments, **(keywords or {}))
        sizes = [each.untyped_storage().nbytes() // each.element_size() for each in tree_leaves(made) if _real(each)]
        self.numbers = max(self.numbers, *sizes, 0)
        return made


def _real(leaf: object) -> bool:
    return isinstance(leaf, torch.Tensor) and not leaf.is_sparse


def largest(model: Seq2Seq, source: int, target: int) -> int:
    src, tgt = torch.randint(4, 10, (1, source)), torch.randint(4, 10, (1, target))
    with Largest() as watched:
        model(src, tgt).hidden.sum().backward()
    return watched.numbers


@pytest.mark.parametrize("kind", ["full", "local", "linear"])
def test_memory_grows_with_the_source(kind):
    model = model_of(TINY | {"encoder_attention": kind, "encoder_layers": 1, "decoder_layers": 1})
    grown = largest(model, 800, 2) / largest(model, 200, 2)
    assert grown > 15 if kind == "full" else grown < 4.5


@pytest.mark.parametrize("kind", ["full", "local", "linear", "average", "ssru"])
def test_memory_grows_with_the_target(kind):
    model = model_of(TINY | {"decoder_attention": kind, "encoder_layers": 1, "decoder_layers": 1})
    grown = largest(model, 2, 800) / largest(model, 2, 200)
    assert grown > 15 if kind == "full" else grown < 4.5


@pytest.mark.parametrize("kind", ["transformer", "attention_rnn"])
def test_what_is_kept_for_the_backward_pass_grows_with_the_text(kind, monkeypatch):
    """Where a text is long: T times what is kept of a position, and T * T weights of one number for each look."""
    monkeypatch.setattr(blocks, "_LARGE", 1000)
    monkeypatch.setattr(blocks, "_BLOCK", 1000)
    monkeypatch.setattr(comparison, "_LARGE", 1000)
    recurrent = {"type": "attention_rnn", "hidden": 8, "attention": 256, "max_length": 2048}
    model = model_of(TINY if kind == "transformer" else recurrent)
    grown = kept(model, 200) / kept(model, 50)
    assert grown < (4.5 if kind == "transformer" else 8)


def kept(model: Seq2Seq, length: int) -> int:
    """Numbers that the forward pass leaves to the backward pass."""
    tokens, storages = torch.randint(4, 10, (1, length)), {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.is_floating_point():
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes() // tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(tokens, tokens)
    return sum(storages.values())


def state_size(positions: int, **settings) -> int:
    """Numbers in the layers' states after so many positions of two hypotheses."""
    model = model_of(TINY | {"encoder_layers": 1, "decoder_layers": 1} | settings)
    encoded = model.encode(torch.tensor([[4, 5, 2]]))
    state = model.start(encoded, 2)
    for position in range(positions):
        state = model.step(torch.tensor([[4 + position % 5, 5]]), encoded, state).state
        state = model.reorder(state, torch.tensor([[position % 2, 1]]))
    return sum(each.numel() for each in tree_leaves(state.layers))


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["full", "local", "linear", "average", "ssru"])
def test_a_bounded_past_needs_no_more_room(kind):
    grown = state_size(90, decoder_attention=kind) / state_size(10, decoder_attention=kind)
    assert grown > 2 if kind == "full" else grown == 1


@torch.inference_mode()
def test_shared_keys_are_kept_once():
    assert 4 * state_size(9, heads=4, key_value_heads=1) == state_size(9, heads=4)
