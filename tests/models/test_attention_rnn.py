"""The attention RNN's options: what each does to a model, and that it learns with them."""

import pytest
import torch
from batches import batch_of
from torch import tensor
from variants import model_of

from nmt.config import AttentionRNNConfig, SearchConfig
from nmt.data.batching import Batch
from nmt.decoding.search import beam_search
from nmt.models import build
from nmt.models.base import continue_from
from nmt.training import loss

SRC, TGT = tensor([[4, 5, 6, 7, 2]]), tensor([[1, 4, 5, 6]])
WORDS = range(4, 10)


def weights_of(**options) -> torch.Tensor:
    """alpha [T, S] of a tiny model."""
    return model_of({"type": "attention_rnn"}, **options).explain(SRC, TGT).cross[0, 0, 0]


def test_a_monotonic_window_goes_with_the_target():
    seen = weights_of(scope="local_monotonic", window=1) > 0
    assert seen.int().tolist() == [[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1]]


def test_hard_attention_looks_at_one_position():
    assert weights_of(scope="hard").sort(-1).values.tolist() == [[0, 0, 0, 0, 1]] * 4


def test_draws_are_told_in_training_alone():
    model = model_of({"type": "attention_rnn", "scope": "hard"})
    assert model(SRC, TGT).choices is None
    choices = model.train()(SRC, TGT).choices
    assert choices.shape == TGT.shape and choices.requires_grad and (choices < 0).all()
    assert model_of({"type": "attention_rnn"}).train()(SRC, TGT).choices is None


def test_coverage_goes_with_its_hypothesis():
    model = model_of({"type": "attention_rnn", "coverage": True, "scope": "local_monotonic"})
    encoded = model.encode(SRC)
    state = model.step(tensor([[4, 9]]), encoded, model.start(encoded, 2)).state
    state = model.step(tensor([[4, 9]]), encoded, state).state
    torch.testing.assert_close(state.past.coverage.sum(-1), tensor([[2.0, 2.0]]).double())
    assert state.past.position.tolist() == [[2, 2]]
    moved = continue_from(state, tensor([[1, 1]]))
    assert torch.equal(moved.past.coverage, state.past.coverage[:, [1, 1]])
    assert not torch.equal(moved.past.coverage, state.past.coverage)


def test_input_feeding_begins_with_zeros_and_then_changes_every_position():
    model = model_of({"type": "attention_rnn", "input_feeding": True})
    fed = model(SRC, TGT).hidden
    model.readout_gates.weight.data.zero_()
    deaf = model(SRC, TGT).hidden
    assert torch.equal(fed[:, 0], deaf[:, 0]) and (fed[:, 1:] != deaf[:, 1:]).any(-1).all()


def copies(count: int, generator: torch.Generator) -> Batch:
    """Sentences of two to four words that are their own translation."""
    lengths = torch.randint(2, 5, (count,), generator=generator).tolist()
    rows = [torch.randint(WORDS.start, WORDS.stop, (length,), generator=generator).tolist() for length in lengths]
    return batch_of(rows, rows)


@pytest.mark.parametrize(
    ("updates", "options"),
    [
        (60, {"scope": "local_monotonic", "weighting": "sparsemax"}),
        (60, {"scope": "local_predictive", "score": "scaled_dot"}),
        (60, {"coverage": True, "input_feeding": True, "weighting": "entmax15"}),
        (160, {"scope": "hard"}),
    ],
    ids=["local_monotonic", "local_predictive", "coverage", "hard"],
)
def test_it_learns_to_copy(updates, options):
    config = AttentionRNNConfig(
        type="attention_rnn", embedding=16, hidden=32, attention=32, dropout=0.0, window=2, max_length=10, **options
    )
    torch.manual_seed(1)
    model, generator = build(config, WORDS.stop, WORDS.stop).train(), torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for update in range(updates):
        optimizer.param_groups[0]["lr"] = 2e-2 * (1 - update / updates)
        batch = copies(48, generator)
        loss.forward_backward(model, batch, smoothing=0.0, device=torch.device("cpu"))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    src = copies(50, generator).src
    found = beam_search(model.eval(), src, SearchConfig(beam=2))
    wanted = [[each for each in row if each in WORDS] for row in src.tolist()]
    assert sum(best[0].ids == ids for best, ids in zip(found, wanted, strict=True)) >= 45
