"""The gradient of draws, held to the sum over everything that could have been drawn."""

import itertools
import math

import pytest
import torch
from torch import tensor
from variants import model_of

from nmt.data.batching import Batch, pad
from nmt.ids import BOS, EOS, PAD
from nmt.layers import scope
from nmt.training import choices, loss

CPU = torch.device("cpu")
MODEL = {"type": "attention_rnn", "scope": "hard", "coverage": True, "input_feeding": True, "dropout": 0.0,
         "entropy": 0.0}  # fmt: skip
SMOOTHING = 0.1


def batch_of(copies: int) -> Batch:
    """Sentences of 3 and 2 source positions, 2 and 1 target positions; end marks included."""
    sources, targets = [[5, 6, EOS], [9, EOS]] * copies, [[7, EOS], [EOS]] * copies
    return Batch(pad(sources), pad([[BOS, *row[:-1]] for row in targets]), pad(targets))


@pytest.fixture
def model():
    return model_of(MODEL).train()


def flat(gradients) -> torch.Tensor:
    return torch.cat([each.flatten() for each in gradients])


def enumerated(model, batch: Batch, monkeypatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Exactly, over the 3 x 3 x 2 things that can be drawn: the gradient of E[loss], and the mean of the estimates."""
    expected, estimate = 0, 0
    for first, second, other in itertools.product(range(3), range(3), range(2)):
        drawn = [tensor([[[first]], [[other]]]), tensor([[[second]], [[0]]])]
        places = iter(drawn)
        monkeypatch.setattr(scope, "draw", lambda weights, places=places: next(places))
        decoded = model(batch.src, batch.tgt_in)
        real = batch.tgt_out != PAD
        probability = (decoded.choices * real).sum().exp()  # what the padding draws changes nothing
        each = torch.zeros(real.shape, dtype=torch.float64)
        each[real] = choices.losses(model.project(decoded.hidden[real]), batch.tgt_out[real], smoothing=SMOOTHING)
        expected += flat(torch.autograd.grad(probability * each.sum(), list(model.parameters())))
        places = iter(drawn)
        monkeypatch.setattr(scope, "draw", lambda weights, places=places: next(places))
        loss.forward_backward(model, batch, smoothing=SMOOTHING, device=CPU)
        estimate += probability.detach() * taken(model)
    monkeypatch.undo()
    return expected, estimate


def taken(model) -> torch.Tensor:
    gradient = flat(weight.grad for weight in model.parameters())
    model.zero_grad(set_to_none=True)
    return gradient


def test_the_estimate_is_right_on_average(model, monkeypatch):
    expected, estimate = enumerated(model, batch_of(1), monkeypatch)
    torch.testing.assert_close(estimate, expected, atol=1e-12, rtol=1e-9)


def test_the_mean_of_many_estimates_is_the_gradient(model, monkeypatch):
    copies, rounds = 50, 80
    expected, _ = enumerated(model, batch_of(1), monkeypatch)
    estimates = []
    torch.manual_seed(1)
    for _ in range(rounds):
        loss.forward_backward(model, batch_of(copies), smoothing=SMOOTHING, device=CPU)
        estimates.append(taken(model) / copies)
    estimates = torch.stack(estimates)
    error = estimates.std(0) / rounds**0.5
    away = (estimates.mean(0) - expected).abs()
    assert (away <= 5 * error + 1e-12).all()
    looking = [name.startswith("attention.") for name, weight in model.named_parameters() for _ in weight.flatten()]
    assert error[looking].norm() < 0.1 * expected[looking].norm()  # all of this comes from the draws


def test_the_baseline_lowers_the_variance(model):
    batch = batch_of(20)
    real = batch.tgt_out != PAD
    found = {"with": [], "without": []}
    torch.manual_seed(1)
    for _ in range(50):
        decoded = model(batch.src, batch.tgt_in)
        each = torch.zeros(real.shape, dtype=torch.float64)
        each[real] = choices.losses(model.project(decoded.hidden[real]), batch.tgt_out[real], smoothing=0.0).detach()
        weights = list(model.attention.parameters())
        rewards = {"with": choices.gradient(each, real), "without": each.flip(1).cumsum(1).flip(1)}
        for name, reward in rewards.items():
            found[name].append(flat(torch.autograd.grad(decoded.choices, weights, reward, retain_graph=True)))
    variance = {name: torch.stack(gradients).var(0).sum() for name, gradients in found.items()}
    assert variance["with"] < 0.5 * variance["without"]


def test_a_bonus_for_what_is_undecided():
    """With the same draws the gradient of -lambda sum H_t comes on top, at the positions that are not padding."""
    batch, found = batch_of(2), {}
    for bonus in (0.0, 0.7):
        model = model_of(MODEL | {"entropy": bonus}).train()
        torch.manual_seed(3)
        loss.forward_backward(model, batch, smoothing=SMOOTHING, device=CPU)
        found[bonus] = flat(torch.zeros_like(each) if each.grad is None else each.grad for each in model.parameters())
    torch.manual_seed(3)
    weights = list(model.parameters())
    real = batch.tgt_out != PAD
    wanted = torch.autograd.grad(-model(batch.src, batch.tgt_in).bonus[real].sum(), weights, materialize_grads=True)
    torch.testing.assert_close(found[0.7] - found[0.0], flat(wanted))


def test_the_entropy_by_hand():
    drawn = scope.Scope("hard", window=1, query=1).train()
    energy = tensor([[[0.0, 0.0, 9.0], [0.0, 99.0, 0.0]]], requires_grad=True)
    _, draw = drawn("softmax", energy, tensor([[[0.0], [0.0]]]), tensor([[[True, True, False]]]), None)
    torch.testing.assert_close(draw.entropy, tensor([[math.log(2), 0.0]]))
    draw.entropy.sum().backward()
    assert energy.grad.isfinite().all()


def test_credit_by_hand():
    """What a draw is blamed for: what is lost from its position on, less what the others lose a position."""
    losses, real = tensor([[1.0, 2, 3], [4, 0, 0]]), tensor([[True, True, True], [True, False, False]])
    assert choices.gradient(losses, real).tolist() == [[6 - 12, 5 - 8, 3 - 4], [4 - 2, 0, 0]]
    assert choices.gradient(losses[:1], real[:1]).tolist() == [[6, 5, 3]]


def test_the_losses_of_positions_are_those_of_the_sum():
    logits, target = torch.randn(6, 5, dtype=torch.float64), torch.randint(5, (6,))
    sums, _ = loss.cross_entropy(logits, target, smoothing=0.2)
    each = choices.losses(logits, target, smoothing=0.2)
    torch.testing.assert_close(each.sum(), sums.loss)
    torch.testing.assert_close(choices.losses(logits[2:3], target[2:3], smoothing=0.2)[0], each[2])
    assert choices.losses(logits.bfloat16(), target, smoothing=0.2).dtype == torch.float32


def test_the_sums_are_those_of_what_was_drawn(model):
    batch = batch_of(3)
    torch.manual_seed(5)
    sums = loss.forward_backward(model, batch, smoothing=0.0, device=CPU)
    torch.manual_seed(5)
    logits = model.project(model(batch.src, batch.tgt_in).hidden).flatten(0, 1)
    expected = torch.nn.functional.cross_entropy(logits, batch.tgt_out.flatten(), ignore_index=PAD, reduction="sum")
    torch.testing.assert_close(sums.loss, expected.detach())
