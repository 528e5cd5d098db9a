"""The chunked loss against torch's own cross entropy over whole logits."""

import pytest
import torch
import torch.nn.functional as F
from batches import batch_of
from variants import VOCABULARY, model_of

from nmt.data.batching import Batch
from nmt.ids import PAD
from nmt.training import loss

CPU = torch.device("cpu")
SOURCES = [[5, 6, 7, 8], [9], [4, 4, 5, 10, 7]]
TARGETS = [[7, 5], [6, 10, 4, 4, 9], [8]]
MODEL = {"type": "transformer", "heads": 2}


def whole(model, batch: Batch, smoothing: float) -> torch.Tensor:
    """The oracle: all logits at once, autograd, PAD ignored."""
    logits = model.project(model(batch.src, batch.tgt_in).hidden).flatten(0, 1)
    return F.cross_entropy(
        logits, batch.tgt_out.flatten(), ignore_index=PAD, label_smoothing=smoothing, reduction="sum"
    )


def gradients(model) -> list[torch.Tensor]:
    taken = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad(set_to_none=True)
    return taken


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
@pytest.mark.parametrize(("chunk", "block"), [(1, 1), (4, 3), (4, 1000), (1000, 1000)])
def test_sums_and_gradients_are_those_of_the_whole_logits(monkeypatch, smoothing, chunk, block):
    monkeypatch.setattr(loss, "ROUND", 2)
    monkeypatch.setitem(loss.CHUNK, "cpu", chunk * VOCABULARY)
    monkeypatch.setitem(loss.BLOCK, "cpu", block * VOCABULARY)
    model, batch = model_of(MODEL), batch_of(SOURCES, TARGETS)
    sums = loss.forward_backward(model, batch, smoothing=smoothing, device=CPU)
    found = gradients(model)
    expected = whole(model, batch, smoothing)
    expected.backward()
    torch.testing.assert_close(sums.loss, expected.detach())
    torch.testing.assert_close(sums.nll, whole(model, batch, 0.0).detach())
    torch.testing.assert_close(loss.negative_log_likelihood(model, batch, device=CPU), sums.nll)
    torch.testing.assert_close(found, gradients(model))


def test_the_count_leaves_padding_out():
    assert loss.count(batch_of(SOURCES, TARGETS)) == sum(len(row) + 1 for row in TARGETS)


def test_the_gradient_is_the_derivative():
    logits, target = torch.randn(3, 5, dtype=torch.float64), torch.tensor([0, 4, 2])
    _, gradient = loss.cross_entropy(logits, target, smoothing=0.3)
    for place in [(0, 0), (1, 2), (2, 4)]:
        moved = logits.clone()
        moved[place] += 1e-6
        up, _ = loss.cross_entropy(moved, target, smoothing=0.3)
        moved[place] -= 2e-6
        down, _ = loss.cross_entropy(moved, target, smoothing=0.3)
        torch.testing.assert_close((up.loss - down.loss) / 2e-6, gradient[place], rtol=1e-6, atol=1e-8)


def test_bfloat16_logits_are_summed_in_float32():
    logits, target = torch.randn(64, 500).bfloat16(), torch.randint(500, (64,))
    sums, gradient = loss.cross_entropy(logits, target, smoothing=0.1)
    expected, exact = loss.cross_entropy(logits.double(), target, smoothing=0.1)
    assert gradient.dtype == torch.bfloat16
    torch.testing.assert_close(sums.loss.double(), expected.loss, rtol=1e-5, atol=0)
    torch.testing.assert_close(gradient.double(), exact, rtol=2**-8, atol=1e-6)


def test_the_chunks_of_a_bfloat16_model_are_summed_in_float32(monkeypatch):
    """The gradient is as near to the one of a single chunk as two roundings are."""
    found = []
    for chunk in (1, 1000):
        monkeypatch.setitem(loss.CHUNK, "cpu", chunk * loss.ROUND * VOCABULARY)
        model = model_of(MODEL).bfloat16()
        torch.manual_seed(2)
        batch = batch_of([[4, 5]] * 300, torch.randint(3, VOCABULARY, (300, 15)).tolist())
        loss.forward_backward(model, batch, smoothing=0.1, device=CPU)
        found.append(model.embeddings.output_weight.grad.double())
    assert (found[0] - found[1]).norm() / found[1].norm() < 0.003


def test_the_best_smoothed_loss_is_the_entropy_of_the_smoothed_target():
    """No model can do better than to predict q itself."""
    q = torch.full((4,), 0.1 / 4, dtype=torch.float64)
    q[1] += 0.9
    sums, gradient = loss.cross_entropy(q.log()[None], torch.tensor([1]), smoothing=0.1)
    torch.testing.assert_close(sums.loss, -(q * q.log()).sum())
    assert gradient.abs().max() < 1e-15
