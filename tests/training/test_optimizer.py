"""AdamW on masters: accumulation, clipping, broken gradients, precision and its state."""

import pytest
import torch
from batches import batch_of
from torch import nn
from variants import model_of

from nmt.config import TrainingConfig
from nmt.errors import NMTError
from nmt.training import loss
from nmt.training.optimizer import MOST_SKIPPED, Optimizer

PAIRS = [([5, 6, 7, 8], [7, 5]), ([9], [6, 10, 4, 4, 9]), ([4, 4, 5], [8]), ([10, 9], [5, 5, 5]), ([6], [])]
CPU = torch.device("cpu")


def update(optimizer, model, batches, rate=0.1) -> torch.Tensor:
    tokens = 0
    for pairs in batches:
        batch = batch_of(*zip(*pairs, strict=True))
        loss.forward_backward(model, batch, smoothing=0.1, device=CPU)
        optimizer.add()
        tokens += loss.count(batch)
    return optimizer.step(tokens, rate, loss=torch.zeros(()))[0]


class Two(nn.Module):
    """A matrix and a vector whose gradients are chosen by hand."""

    def __init__(self):
        super().__init__()
        self.matrix = nn.Parameter(torch.tensor([[1.0, -2.0]]))
        self.vector = nn.Parameter(torch.tensor([1.0]))

    def pull(self, matrix, vector) -> None:
        self.matrix.grad = torch.tensor([matrix], dtype=self.matrix.dtype)
        self.vector.grad = torch.tensor([vector], dtype=self.vector.dtype)


def stepped(model: Two, optimizer: Optimizer, *, matrix=(0.3, 0.4), vector=1.2, tokens=1, rate=0.1) -> torch.Tensor:
    model.pull(matrix, vector)
    optimizer.add()
    return optimizer.step(tokens, rate, loss=torch.zeros(()))[0]


@pytest.mark.parametrize("kind", ["gru", "attention_rnn", "transformer", "ntm"])
def test_accumulated_batches_are_one_batch(kind):
    norms, weights = [], []
    for batches in ([PAIRS], [PAIRS[:1], PAIRS[1:3], PAIRS[3:]]):
        model = model_of({"type": kind})
        optimizer = Optimizer(model, TrainingConfig(), torch.float64)
        norms.append(update(optimizer, model, batches))
        update(optimizer, model, batches)
        weights.append(list(model.parameters()))
    torch.testing.assert_close(*norms, rtol=1e-10, atol=0)
    torch.testing.assert_close(*weights, rtol=0, atol=1e-7)  # Adam divides by small roots


def test_matrices_decay_and_vectors_do_not():
    config = TrainingConfig(weight_decay=0.5, clip=None)
    model = Two()
    stepped(model, Optimizer(model, config, torch.float32), matrix=(1e3, 1e3), vector=1e3, rate=0.1)
    # Adam's first step is the rate in the direction of the gradient's sign, after w <- w (1 - rate decay).
    torch.testing.assert_close(model.matrix.detach(), torch.tensor([[0.95 - 0.1, -1.9 - 0.1]]))
    torch.testing.assert_close(model.vector.detach(), torch.tensor([0.9]))


def test_the_sum_is_divided_by_the_tokens_and_then_clipped():
    model = Two()
    optimizer = Optimizer(model, TrainingConfig(clip=0.65, betas=(0.9, 0.98)), torch.float32)
    norm = stepped(model, optimizer, matrix=(3.0, 4.0), vector=12.0, tokens=10)
    assert norm.item() == pytest.approx(1.3)
    clipped = torch.cat([optimizer.state()["mean.matrix"][0], optimizer.state()["mean.vector"]]) / (1 - 0.9)
    torch.testing.assert_close(clipped, torch.tensor([0.15, 0.2, 0.6]))


def test_a_norm_below_the_limit_is_left_alone():
    model = Two()
    optimizer = Optimizer(model, TrainingConfig(clip=2.0), torch.float32)
    stepped(model, optimizer, matrix=(3.0, 4.0), vector=12.0, tokens=10)
    torch.testing.assert_close(optimizer.state()["mean.vector"] / (1 - 0.9), torch.tensor([1.2]))


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_changes_nothing(broken):
    model, same = Two(), Two()
    optimizer, untouched = (Optimizer(each, TrainingConfig(), torch.float32) for each in (model, same))
    stepped(model, optimizer)
    stepped(same, untouched)
    stepped(model, optimizer, vector=broken)
    assert optimizer.skipped == optimizer.skipped_in_row == 1
    for each, its in ((model, optimizer), (same, untouched)):
        stepped(each, its, matrix=(-0.5, 0.1))
    torch.testing.assert_close(list(model.parameters()), list(same.parameters()), rtol=0, atol=0)
    assert optimizer.skipped == 1 and optimizer.skipped_in_row == 0


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_changes_nothing_either(broken):
    model = Two()
    optimizer = Optimizer(model, TrainingConfig(), torch.float32)
    model.pull((0.3, 0.4), 1.2)
    optimizer.add()
    _, good = optimizer.step(1, 0.1, loss=torch.tensor(broken))
    assert not good and optimizer.count_skipped() == 1
    assert torch.equal(model.matrix, Two().matrix) and torch.equal(model.vector, Two().vector)


def test_training_gives_up_after_many_broken_gradients_in_a_row():
    model = Two()
    optimizer = Optimizer(model, TrainingConfig(), torch.float32)
    for _ in range(MOST_SKIPPED - 1):
        stepped(model, optimizer, vector=float("nan"))
    assert optimizer.count_skipped() == MOST_SKIPPED - 1
    stepped(model, optimizer, vector=float("nan"))
    with pytest.raises(NMTError, match="20 updates in a row") as caught:
        optimizer.count_skipped()
    assert "training.lr" in caught.value.hint


def test_weights_that_move_when_they_are_converted_learn():
    """As those of nn.GRU do on a GPU, where each conversion lays them anew into one block for cuDNN."""

    class Moving(Two):
        def _apply(self, function, recurse=True):
            super()._apply(function, recurse)
            for weight in self.parameters():
                weight.data = weight.data.clone()
            return self

    model, resting = Moving(), Two()
    for each in (model, resting):
        stepped(each, Optimizer(each, TrainingConfig(), torch.float32))
    torch.testing.assert_close(list(model.parameters()), list(resting.parameters()), rtol=0, atol=0)


def test_bfloat16_models_learn_steps_that_bfloat16_cannot_hold():
    model = Two()
    optimizer = Optimizer(model, TrainingConfig(), torch.bfloat16)
    assert model.matrix.dtype == torch.bfloat16 and optimizer.masters["matrix"].dtype == torch.float32
    for _ in range(100):
        stepped(model, optimizer, rate=1e-4)  # half a unit of bfloat16 at 1 is 0.002
    torch.testing.assert_close(optimizer.masters["vector"], torch.tensor([0.99]), rtol=0, atol=1e-5)
    assert torch.equal(model.vector, optimizer.masters["vector"].bfloat16())


def test_bfloat16_gradients_are_summed_in_float32():
    model = Two()
    optimizer = Optimizer(model, TrainingConfig(clip=None), torch.bfloat16)
    for _ in range(1000):
        model.pull((1.0, 1.0), 1.0)
        optimizer.add()
    norm, good = optimizer.step(1, 0.1, loss=torch.zeros(()))
    assert norm.item() == pytest.approx(1000 * 3**0.5) and good


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_masters_and_state_are_all_there_is(precision):
    model, again = Two(), Two()
    optimizer, other = (Optimizer(each, TrainingConfig(), precision) for each in (model, again))
    for _ in range(5):
        stepped(model, optimizer)
    for name, tensor in {**other.masters, **other.state()}.items():
        tensor.copy_({**optimizer.masters, **optimizer.state()}[name])
    other.refresh()
    for each, its in ((model, optimizer), (again, other)):
        stepped(each, its, matrix=(0.1, -0.7))
    torch.testing.assert_close(list(model.parameters()), list(again.parameters()), rtol=0, atol=0)


def test_without_a_fused_kernel_the_result_is_the_same(monkeypatch):
    model, plain = Two(), Two()
    optimizer = Optimizer(model, TrainingConfig(), torch.float32)
    monkeypatch.setattr("nmt.training.optimizer._has_fused_kernel", lambda device: False)
    other = Optimizer(plain, TrainingConfig(), torch.float32)
    for vector in (1.2, float("nan"), -0.3):
        for each, its in ((model, optimizer), (plain, other)):
            stepped(each, its, vector=vector)
    torch.testing.assert_close(list(model.parameters()), list(plain.parameters()))
    assert other.skipped == 1


@pytest.mark.parametrize(("betas", "epsilon"), [((0.0, 0.0), 1e-8), ((0.5, 0.9), 1e-3), ((0.9, 0.5), 10.0)])
def test_betas_and_epsilon_are_those_of_adam(betas, epsilon):
    """Kingma and Ba 2015: w - rate * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon), two steps of it."""
    model = Two()
    optimizer = Optimizer(model, TrainingConfig(betas=betas, epsilon=epsilon, clip=None), torch.float64)
    weight = model.vector.item()
    mean = square = 0.0
    for step, gradient in enumerate((1.2, 0.7), start=1):
        stepped(model, optimizer, vector=gradient)
        mean = betas[0] * mean + (1 - betas[0]) * gradient
        square = betas[1] * square + (1 - betas[1]) * gradient**2
        fair = [each / (1 - beta**step) for each, beta in zip((mean, square), betas, strict=True)]
        weight -= 0.1 * fair[0] / (fair[1] ** 0.5 + epsilon)
    assert optimizer.masters["vector"].item() == pytest.approx(weight, rel=1e-5)
