"""Positions that enter attention: rotary and relative ones."""

import torch
from torch import tensor

from nmt.layers.position import Relative, Rotary


def test_rotary_energies_depend_on_the_distance_alone():
    rotary = Rotary(20, 6).double()
    query, key = torch.randn(1, 1, 1, 6).double(), torch.randn(1, 1, 1, 6).double()
    near, far = (rotary(query, start + 3) @ rotary(key, start).mT for start in (0, 11))
    torch.testing.assert_close(near, far)
    assert not torch.allclose(near, rotary(query, 4) @ rotary(key, 0).mT)


def test_distances_beyond_the_window_are_alike():
    relative = Relative(2, 3, causal=False)
    vectors = relative(tensor([-9, -2, 0, 2, 3]))
    torch.testing.assert_close(vectors, relative.table[[0, 0, 2, 4, 4]])
    assert Relative(2, 3, causal=True).table.shape == (3, 3)  # at -2, -1 and 0


def test_the_gradient_of_relative_vectors_is_summed_in_more_than_bfloat16():
    relative = Relative(1, 1, causal=False).bfloat16()
    relative(torch.arange(64) - torch.arange(64)[:, None]).sum().backward()
    assert relative.table.grad.flatten().tolist() == [2016, 64, 2016]  # a sum in bfloat16 stops at 256


def test_products_with_relative_vectors():
    relative, query = Relative(2, 3, causal=True), torch.randn(2, 4, 5, 3)
    distance = torch.arange(5) - torch.arange(5)[:, None]
    expected = torch.einsum("bhqd,qkd->bhqk", query, relative(distance))
    torch.testing.assert_close(relative.product(query, distance), expected)
    each = distance[4].expand(2, 5)[:, None, None]  # of each sentence, for all its hypotheses
    torch.testing.assert_close(relative.product(query, each)[:, :, 4], expected[:, :, 4])


def test_a_bfloat16_model_turns_by_exact_angles():
    rotary, x = Rotary(200, 8), torch.randn(1, 1, 200, 8)
    expected = rotary(x)
    torch.testing.assert_close(rotary.to(torch.bfloat16)(x), expected, atol=0, rtol=0)
