"""Muon against its equations by singular values, what is its and what is AdamW's, and that nothing of it is lost."""

import pytest
import torch
from variants import model_of

from nmt.config import TrainingConfig
from nmt.training.muon import ITERATIONS, A, B, C, Muon, matrices, orthogonal
from nmt.training.optimizer import Optimizer

GOOD, BAD = torch.zeros(()), torch.ones(())
RATE = 0.01


def by_singular_values(u: torch.Tensor) -> torch.Tensor:
    """The iteration is a polynomial of each singular value."""
    left, s, right = torch.linalg.svd(u, full_matrices=False)
    s = s / s.norm()
    for _ in range(ITERATIONS):
        s = A * s + B * s**3 + C * s**5
    return left @ s.diag() @ right


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (6, 6), (1, 4)])
def test_the_iteration_is_its_polynomial_and_near_orthogonal(shape):
    u = torch.randn(shape, dtype=torch.float64)
    found = orthogonal(u)
    torch.testing.assert_close(found, by_singular_values(u))
    assert torch.linalg.svdvals(found).max() < 1.25


def test_a_step_is_its_equation():
    torch.manual_seed(1)
    weights = {name: torch.randn(4, 7, dtype=torch.float64) for name in "ab"} | {"c": torch.randn(7, 2).double()}
    plain = {name: weight.clone() for name, weight in weights.items()}
    means = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    muon = Muon(weights, momentum=0.9, weight_decay=0.1)
    for _ in range(3):
        for name, weight in weights.items():
            weight.grad = torch.randn_like(weight)
            means[name] = 0.9 * means[name] + weight.grad
            step = by_singular_values(weight.grad + 0.9 * means[name])
            plain[name] -= RATE * (0.2 * max(weight.shape) ** 0.5 * step + 0.1 * plain[name])
        muon.step(RATE, bad=GOOD)
    torch.testing.assert_close(weights, plain)


def test_a_step_is_as_large_as_one_of_adamw():
    weight = torch.zeros(300, 200)
    weight.grad = torch.randn(300, 200)
    Muon({"w": weight}, momentum=0.95, weight_decay=0.0).step(RATE, bad=GOOD)
    assert weight.square().mean().sqrt().item() == pytest.approx(0.2 * RATE, rel=0.25)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch before 2.9")
def test_it_does_what_torchs_does():
    ours, theirs = torch.zeros(40, 24), torch.nn.Parameter(torch.zeros(40, 24))
    muon = Muon({"w": ours}, momentum=0.95, weight_decay=0.1)
    peer = torch.optim.Muon([theirs], lr=RATE, momentum=0.95, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        ours.grad = theirs.grad = torch.randn(40, 24)
        muon.step(RATE, bad=GOOD)
        peer.step()
    assert torch.nn.functional.cosine_similarity(ours.flatten(), theirs.detach().flatten(), dim=0) > 0.99


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_broken_gradient_changes_nothing(broken):
    weight = torch.randn(3, 4)
    muon = Muon({"w": weight}, momentum=0.95, weight_decay=0.1)
    weight.grad = torch.randn(3, 4)
    muon.step(RATE, bad=GOOD)
    before, mean = weight.clone(), muon.means["w"].clone()
    weight.grad = torch.full((3, 4), broken)
    muon.step(RATE, bad=BAD)
    assert torch.equal(weight, before) and torch.equal(muon.means["w"], mean)


@pytest.mark.parametrize("kind", ["gru", "attention_rnn", "transformer", "ntm"])
def test_matrices_are_its_and_all_else_is_adamws(kind):
    model = model_of({"type": kind, "tied_embeddings": "none"})
    its = matrices(model)
    others = {name for name, weight in model.named_parameters() if name not in its and weight.dim() >= 2}
    assert its and others == {f"embeddings.{name}_weight" for name in ("source", "target", "output")}
    state = Optimizer(model, TrainingConfig(optimizer="muon"), torch.float64).state()
    assert {name.partition(".")[2] for name in state} >= {name for name, _ in model.named_parameters()}


def test_tables_of_positions_and_vectors_of_heads_are_no_matrices():
    model = model_of({"type": "transformer", "positions": "learned", "score": "additive"})
    assert not [name for name in matrices(model) if "position" in name or name.endswith(".v")]


def test_its_settings_are_the_configs():
    config = TrainingConfig(optimizer="muon", momentum=0.7, weight_decay=0.03)
    muon = Optimizer(model_of({"type": "transformer"}), config, torch.float64).muon
    assert (muon.momentum, muon.weight_decay) == (0.7, 0.03)
