"""What is left out of a deep model, how often, and that evaluation leaves out nothing."""

import pytest
import torch
from variants import config_of, model_of

from nmt.layers.attention import ScoredAttention
from nmt.layers.depth import LayerDropout, StochasticDepth
from nmt.layers.scope import Scope

X = torch.randn(4000, 3, 2, dtype=torch.float64)
DEEP = {"type": "transformer", "encoder_layers": 3, "decoder_layers": 2}
SRC, TGT = torch.tensor([[4, 5, 6, 2], [7, 8, 2, 0]]), torch.tensor([[1, 4, 5], [1, 9, 4]])


def test_a_sentences_branch_is_there_or_not_and_its_mean_stays():
    branch = StochasticDepth(0.3)(X)
    kept = (branch != 0).all((1, 2))
    torch.testing.assert_close(branch, kept[:, None, None] * X / 0.7)
    assert kept.double().mean().item() == pytest.approx(0.7, abs=0.03)


def test_a_sentence_has_a_layers_input_or_its_output():
    chosen = LayerDropout(0.3)(X, 2 * X) / X
    assert (chosen == chosen[:, :1, :1]).all()
    assert (chosen[:, 0, 0] == 2).double().mean().item() == pytest.approx(0.7, abs=0.03)


def test_deeper_branches_are_skipped_more():
    model = model_of(DEEP, stochastic_depth=0.6)
    assert [layer.around_self.skip.probability for layer in model.encoder] == pytest.approx([0.2, 0.4, 0.6])
    for name in ("around_self", "around_cross", "around_feed_forward"):
        assert [getattr(layer, name).skip.probability for layer in model.decoder] == pytest.approx([0.3, 0.6])


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_without_any_layer_only_the_embeddings_are_left(norm):
    model = model_of(DEEP, layer_dropout=0.999999, dropout=0.0, norm=norm).train()
    left = model._embed(model.embeddings.target(TGT), 0)
    torch.testing.assert_close(model(SRC, TGT).hidden, model.decoder_norm(left))


@pytest.mark.parametrize("noise", [{"layer_dropout": 0.5}, {"stochastic_depth": 0.5}])
def test_evaluation_leaves_out_nothing_and_every_weight_has_a_gradient(noise):
    model, plain = model_of(DEEP, **noise), model_of(DEEP)
    torch.testing.assert_close(model(SRC, TGT).hidden, plain(SRC, TGT).hidden, rtol=0, atol=0)
    model.train()(SRC, TGT).hidden.sum().backward()
    assert all(weight.grad is not None for name, weight in model.named_parameters() if "embeddings" not in name)


def test_dropped_attention_weights_leave_the_mean_and_stay_in_the_coverage():
    look = ScoredAttention(
        "dot", 2, 2, 2, weighting="softmax", scope=Scope("global", 1, 2), coverage=True, dropout=0.5
    ).double()
    values = torch.eye(4, dtype=torch.float64).expand(500, -1, -1)  # so that the context is the weights
    keys, mask = look.keys(torch.randn(500, 4, 2).double()), torch.ones(500, 4, dtype=torch.bool)
    seen = look(torch.randn(500, 1, 2).double(), keys, values, mask, look.start(keys, 1))
    kept = seen.context != 0
    torch.testing.assert_close(seen.context, 2 * seen.weights * kept)
    torch.testing.assert_close(seen.past.coverage, seen.weights)
    assert kept.double().mean().item() == pytest.approx(0.5, abs=0.06)


def test_hard_attention_refuses_to_drop_what_it_sees():
    (found,) = config_of({"type": "attention_rnn", "scope": "hard", "attention_dropout": 0.1}).conflicts()
    assert "to see none" in found.message


def test_two_copies_of_a_sentence_leave_out_different_layers():
    """As R-Drop needs it, whose passes are rows of one batch."""
    model = model_of(DEEP, layer_dropout=0.5, dropout=0.0).train()
    first, second = model(SRC.repeat(16, 1), TGT.repeat(16, 1)).hidden.chunk(2)
    assert not torch.allclose(first, second)
