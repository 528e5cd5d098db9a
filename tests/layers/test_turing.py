"""The memory's equations by hand, and what must hold for any numbers."""

import math

import pytest
import torch
from torch import tensor

from nmt.layers.turing import (
    EPSILON,
    Focus,
    Heads,
    WritingHeads,
    address,
    by_content,
    interpolate,
    memory_of,
    read,
    share_memory,
    sharpen,
    shift,
    write,
)  # fmt: skip

SLOTS = tensor([[[3.0, 4.0], [0.0, 2.0], [0.0, 0.0]]], dtype=torch.float64)  # B = 1, N = 3, M = 2


def rows(*values: list[float]) -> torch.Tensor:
    """One sentence, one head a row."""
    return tensor([values], dtype=torch.float64)


def close(found, expected):
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)


def test_content_by_hand():
    """Cosines of the key (0, 2) with the slots: 0.8, 1, and 0 with the empty one."""
    weights = by_content(rows([0.0, 2.0]), rows([3.0]), memory_of(SLOTS))
    powers = [math.exp(3 * 8 / (10 + EPSILON)), math.exp(3 * 4 / (4 + EPSILON)), 1.0]
    close(weights, rows([each / sum(powers) for each in powers]))


def test_content_does_not_ask_for_lengths():
    near = by_content(rows([0.0, 20.0]), rows([3.0]), memory_of(10 * SLOTS))
    torch.testing.assert_close(near, by_content(rows([0.0, 2.0]), rows([3.0]), memory_of(SLOTS)), atol=1e-3, rtol=0)


def test_interpolation_by_hand():
    close(interpolate(rows([1.0, 0.0, 0.0]), rows([0.0, 0.5, 0.5]), rows([0.25])), rows([0.25, 0.375, 0.375]))


@pytest.mark.parametrize(
    ("shifts", "expected"),
    [
        ([0.0, 1.0, 0.0], [0.1, 0.2, 0.7]),
        ([0.0, 0.0, 1.0], [0.7, 0.1, 0.2]),  # forwards, and around
        ([1.0, 0.0, 0.0], [0.2, 0.7, 0.1]),
        ([0.5, 0.25, 0.25], [0.3, 0.425, 0.275]),
        ([1.0], [0.1, 0.2, 0.7]),  # no reach
    ],
)
def test_shift_by_hand(shifts, expected):
    close(shift(rows([0.1, 0.2, 0.7]), rows(shifts)), rows(expected))


def test_shift_is_the_sum_of_equation_8():
    weights, shifts = torch.rand(2, 3, 7).double(), torch.rand(2, 3, 5).double()
    expected = torch.zeros_like(weights)
    for i in range(7):
        for j in range(7):
            for offset in range(-2, 3):
                if (j + offset) % 7 == i:
                    expected[..., i] += weights[..., j] * shifts[..., offset + 2]
    close(shift(weights, shifts), expected)


def test_sharpening_by_hand():
    close(sharpen(rows([0.1, 0.3, 0.6]), rows([2.0])), rows([0.01 / 0.46, 0.09 / 0.46, 0.36 / 0.46]))
    close(sharpen(rows([0.25, 0.75, 0.0]), rows([1.0])), rows([0.25, 0.75, 0.0]))


def test_sharpening_survives_powers_beyond_the_format():
    weights = torch.full((1, 1, 128), 1 / 128, requires_grad=True)
    sharp = sharpen(weights, tensor([[[40.0]]]))  # 128^-40 is 0 in float32
    torch.testing.assert_close(sharp, weights)
    sharp[0, 0, 0].backward()
    assert weights.grad.isfinite().all()


def test_gradients_at_a_head_that_knows_its_place():
    """All heads begin with a weighting of one 1 and zeros, over an empty memory."""
    torch.manual_seed(1)
    begin = tensor([[[1.0, 0.0, 0.0, 0.0]]], requires_grad=True)
    slots, key = torch.zeros(1, 4, 2, requires_grad=True), torch.randn(1, 1, 2, requires_grad=True)
    gate, sharpness = tensor([[[0.0]]], requires_grad=True), tensor([[[1.0]]], requires_grad=True)
    focus = Focus(key, tensor([[[1.0]]]), gate, sharpness, tensor([[[0.0, 1.0, 0.0]]]))
    weights = address(focus, memory_of(slots), begin)
    read(memory_of(write(slots, weights, torch.rand(1, 1, 2), torch.rand(1, 1, 2))), weights).sum().backward()
    for each in (begin, slots, key, gate, sharpness):
        assert each.grad.isfinite().all()


def test_writing_by_hand():
    weights, erase, add = rows([0.5, 1.0, 0.0]), rows([1.0, 0.0]), rows([1.0, 10.0])
    close(write(SLOTS, weights, erase, add), rows([1.5 + 0.5, 4.0 + 5.0], [0.0 + 1.0, 2.0 + 10.0], [0.0, 0.0]))


def test_all_heads_erase_before_any_adds():
    weights, erase, add = torch.rand(3, 2, 5).double(), torch.rand(3, 2, 4).double(), torch.randn(3, 2, 4).double()
    slots = torch.randn(3, 5, 4).double()
    kept = slots.clone()
    for head in range(2):
        kept *= 1 - weights[:, head, :, None] * erase[:, head, None]
    for head in range(2):
        kept += weights[:, head, :, None] * add[:, head, None]
    close(write(slots, weights, erase, add), kept)
    close(write(slots, weights.flip(1), erase.flip(1), add.flip(1)), kept)


def test_reading_by_hand():
    close(read(memory_of(SLOTS), rows([0.5, 0.5, 0.0], [0.0, 0.0, 1.0])), rows([1.5, 3.0], [0.0, 0.0]))


def test_addresses_are_weightings_and_can_be_told():
    """A head that goes on by one (g = 0) and one that looks a key up (g = 1), sharply."""
    key, sharp = rows([0.0, 0.0], [0.0, 1.0]), rows([9.0], [9.0])
    focus = Focus(key, rows([0.0], [50.0]), rows([0.0], [1.0]), sharp, rows([0.0, 0.0, 1.0], [0.0, 1.0, 0.0]))
    weights = address(focus, memory_of(SLOTS), rows([1.0, 0.0, 0.0], [1.0, 0.0, 0.0]))
    close(weights.sum(-1), torch.ones(1, 2).double())
    assert weights.argmax(-1).tolist() == [[1, 1]] and (weights.amax(-1) > 0.999).all()


def test_a_shared_memory_is_the_same_memory():
    slots, key = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True), torch.randn(2, 4, 3).double()

    def gradient(memory):
        read_last = key
        for _ in range(3):
            read_last = read(memory, by_content(read_last, torch.ones(2, 4, 1).double(), memory))
        return torch.autograd.grad(read_last.sum(), slots)[0]

    close(gradient(share_memory(memory_of(slots))), gradient(memory_of(slots)))


def test_signals_come_in_the_ranges_of_the_equations():
    torch.manual_seed(1)
    heads = WritingHeads(hidden=4, heads=3, width=5, reach=2)
    hidden = 30 * torch.randn(2, 4)
    focus, (erase, add) = heads.focus(hidden), heads.change(hidden)
    assert focus.key.shape == focus.shifts.shape == erase.shape == add.shape == (2, 3, 5)
    assert focus.strength.shape == focus.gate.shape == focus.sharpness.shape == (2, 3, 1)
    assert (focus.strength >= 0).all() and (focus.sharpness >= 1).all()
    assert (focus.gate >= 0).all() and (focus.gate <= 1).all() and (erase >= 0).all() and (erase <= 1).all()
    torch.testing.assert_close(focus.shifts.sum(-1), torch.ones(2, 3))


def test_signals_are_not_rounded():
    """In bfloat16 a gate of 0.999 would be 1, which learns nothing."""
    heads = WritingHeads(hidden=1, heads=1, width=2, reach=1).bfloat16()
    for layer in (heads.places, heads.changes):
        layer.weight.data.zero_()
        layer.bias.data.fill_(7)
    hidden = torch.ones(1, 1, dtype=torch.bfloat16)
    for squashed in (heads.focus(hidden).gate, heads.change(hidden)[0]):
        assert squashed.dtype == torch.float32 and (squashed < 1).all()


@pytest.mark.parametrize("reach", [0, 1, 2])
def test_fresh_heads_walk(reach):
    torch.manual_seed(1)
    heads, weights = Heads(hidden=4, heads=2, width=5, reach=reach), torch.zeros(1, 2, 9)
    weights[..., 0] = 1
    for _ in range(4):
        weights = address(heads.focus(torch.zeros(1, 4)), memory_of(torch.zeros(1, 9, 5)), weights)
    assert weights.argmax(-1).tolist() == [[4, 4] if reach else [0, 0]]
