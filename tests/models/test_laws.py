"""The laws that every model and every variant keeps. Tiny sizes, float64: what differs by more than 1e-10 is a bug."""

import pytest
import torch
import torch.nn.functional as F
from stepwise import scan
from variants import VOCABULARY, model_of, variants

from nmt.ids import PAD
from nmt.layers import blocks, comparison
from nmt.models.base import select

SRC = torch.tensor([[4, 5, 6, 7, 2], [4, 8, 2, 0, 0], [2, 0, 0, 0, 0]])
TGT = torch.tensor([[1, 4, 5, 6], [1, 9, 4, 4], [1, 5, 5, 7]])
pytestmark = pytest.mark.parametrize("variant", variants())


@pytest.fixture
def model(variant):
    return model_of(variant)


def close(a, b):
    torch.testing.assert_close(a, b, atol=1e-10, rtol=0)


def test_step_by_step_is_forward(model):
    close(scan(model, SRC, TGT), model(SRC, TGT).hidden)


def test_more_source_padding_changes_nothing(model):
    close(model(F.pad(SRC, (0, 4), value=PAD), TGT).hidden, model(SRC, TGT).hidden)


def test_a_row_alone_is_the_row_in_a_batch(model):
    hidden = model(SRC, TGT).hidden
    for row, length in enumerate([5, 3, 1]):
        close(model(SRC[row : row + 1, :length], TGT[row : row + 1]).hidden[0], hidden[row])


def test_a_later_token_changes_no_earlier_state(model):
    changed = TGT.clone()
    changed[:, 2:] = 10
    before, after = model(SRC, TGT).hidden, model(SRC, changed).hidden
    close(after[:, :2], before[:, :2])
    assert not torch.allclose(after[:, 2:], before[:, 2:])


def test_hypotheses_side_by_side_are_rows_apart(model):
    """K hypotheses of a sentence see its source as K rows of a batch would, also after some branch and others end."""
    encoded, tgt = model.encode(SRC), torch.tensor([[4, 5, 6, 7, 8, 9, 10, 4, 5, 6], [9, 8, 7, 6, 5, 4, 10, 9, 8, 7]])
    state, past = model.start(encoded, 2), [torch.empty(3, 0, dtype=torch.long)] * 2
    for position, token in enumerate(tgt.T):
        step = model.step(token.expand(3, -1), encoded, state)
        past = [torch.cat([each, token[beam].expand(3, 1)], 1) for beam, each in enumerate(past)]
        for beam, each in enumerate(past):
            close(step.hidden[:, beam], scan(model, SRC, each)[:, -1])
        origin = torch.tensor([[1, 0], [0, 0], [1, 1]]).roll(position, 0)
        state = model.reorder(step.state, origin)
        past = [torch.stack([past[from_][row] for row, from_ in enumerate(each)]) for each in origin.T.tolist()]


def test_finished_sentences_leave_both_trees(model):
    encoded = model.encode(SRC)
    left = torch.tensor([0, 2])
    first = model.step(TGT[:, :1], encoded, model.start(encoded, 1))
    step = model.step(TGT[left, 1:2], *select((encoded, first.state), left))
    close(step.hidden[:, 0], model(SRC, TGT).hidden[left, 1])


def test_every_parameter_learns(model, variant):
    decoded = model.train("hard" in variant.values())(SRC, TGT)  # only what was drawn can be learned from
    drawn = 0 if decoded.choices is None else decoded.choices.sum()
    (model.project(decoded.hidden).logsumexp(-1).sum() + drawn).backward()
    still = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert not still


def test_what_is_too_large_to_keep_learns_the_same(model, monkeypatch):
    kept = gradients(model)
    monkeypatch.setattr(blocks, "_LARGE", 0)
    monkeypatch.setattr(blocks, "_BLOCK", 48)
    monkeypatch.setattr(comparison, "_LARGE", 0)
    close(gradients(model), kept)


def gradients(model) -> list[torch.Tensor]:
    loss = model.project(model(SRC, TGT).hidden).logsumexp(-1).square().sum()
    return torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True, allow_unused=True)


def test_projection_of_some_ids(model):
    hidden, ids = model(SRC, TGT).hidden, torch.tensor([7, 2, 3])
    assert model.project(hidden).shape == (3, 4, VOCABULARY)
    close(model.project(hidden, ids), model.project(hidden)[..., ids])


def test_explain_shows_weights_over_what_may_be_seen(model, variant):
    for name, weights in model.explain(SRC, TGT)._asdict().items():
        for row, length in enumerate([5, 3, 1] if weights is not None else []):
            seen = weights[row, ..., :length, :] if name == "encoder" else weights[row]  # what padding sees is nothing
            if not {"sigmoid", "local_predictive"} & set(variant.values()):
                close(seen.sum(-1), torch.ones_like(seen.sum(-1)))
            assert not (seen.triu(1) if name == "decoder" else seen[..., length:]).any()


def test_bfloat16_is_the_same_model(model, variant):
    exact, looks = model(SRC, TGT).hidden, model.explain(SRC, TGT).cross
    rough = model.bfloat16()(SRC, TGT).hidden.double()
    if "hard" in variant.values():  # of two positions that are nearly as likely either may be the one
        same = (model.explain(SRC, TGT).cross == looks).flatten(1).all(1)
        exact, rough = exact[same], rough[same]
    assert (rough - exact).norm() / exact.norm() < 0.08
