"""Two passes that are held to each other, and what of the words they see, against autograd over whole logits."""

import pytest
import torch
import torch.nn.functional as F
from batches import batch_of
from variants import VOCABULARY, model_of

from nmt import config as settings
from nmt.config import TrainingConfig
from nmt.data.batching import Batch
from nmt.errors import ConfigError
from nmt.ids import BOS, EOS, PAD, UNK
from nmt.models.base import Cut
from nmt.training import loss, passes
from nmt.training.passes import Passes

CPU = torch.device("cpu")
SOURCES = [[5, 6, 7, 8], [9], [4, 4, 5, 10, 7]]
TARGETS = [[7, 5], [6, 10, 4, 4, 9], [8]]
KINDS = ["gru", "attention_rnn", "transformer", "ntm"]
R_DROP = {"r_drop": 5.0, "cutoff": 0.3}
SIMCUT = {"simcut": 3.0, "cutoff": 0.3}


def gradients(model) -> list[torch.Tensor]:
    taken = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad(set_to_none=True)
    return taken


def published(model, batch: Batch, training: dict, smoothing: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The oracle, as the papers write it: all logits at once; the cross entropy that is reported, and the loss."""
    src, tgt_in, cut = passes.inputs(batch, passes.passes(TrainingConfig(**training)))
    p, q = model.project(model(src, tgt_in, cut).hidden).log_softmax(-1).chunk(2)
    real = batch.tgt_out != PAD

    def cross_entropy(log_p):
        return F.cross_entropy(log_p[real], batch.tgt_out[real], label_smoothing=smoothing, reduction="sum")

    def divergence(log_p, log_q):
        return F.kl_div(log_q[real], log_p[real], log_target=True, reduction="sum")

    if alpha := training.get("simcut"):
        return cross_entropy(p), cross_entropy(p) + alpha * divergence(p, q)
    both, alpha = cross_entropy(p) + cross_entropy(q), training["r_drop"]
    return both / 2, (both + alpha / 2 * (divergence(p, q) + divergence(q, p))) / 2


@pytest.mark.parametrize("training", [R_DROP, SIMCUT], ids=["r_drop", "simcut"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(("chunk", "block"), [(2, 2), (8, 5), (1000, 1000)])
def test_loss_and_gradient_are_those_of_the_papers(monkeypatch, training, smoothing, chunk, block):
    monkeypatch.setattr(loss, "ROUND", 2)
    monkeypatch.setitem(loss.CHUNK, "cpu", chunk * VOCABULARY)
    monkeypatch.setitem(loss.BLOCK, "cpu", block * VOCABULARY)
    model, batch = model_of({"type": "transformer", "heads": 2, "dropout": 0.3}).train(), batch_of(SOURCES, TARGETS)
    torch.manual_seed(3)
    twice = passes.passes(TrainingConfig(**training))
    sums = loss.forward_backward(model, batch, smoothing=smoothing, device=CPU, passes=twice)
    found = gradients(model)
    torch.manual_seed(3)
    reported, whole = published(model, batch, training, smoothing)
    whole.backward()
    torch.testing.assert_close(sums.loss, reported.detach())
    torch.testing.assert_close(found, gradients(model))
    assert whole > reported + 0.1  # there was something to hold together


@pytest.mark.parametrize("kind", KINDS)
def test_passes_that_see_the_same_are_one(kind):
    model, batch = model_of({"type": kind}), batch_of(SOURCES, TARGETS)
    once = loss.forward_backward(model, batch, smoothing=0.1, device=CPU)
    plain = gradients(model)
    twice = passes.passes(TrainingConfig(r_drop=5.0))
    torch.testing.assert_close(loss.forward_backward(model, batch, smoothing=0.1, device=CPU, passes=twice), once)
    torch.testing.assert_close(gradients(model), plain)


@pytest.mark.parametrize("kind", KINDS)
def test_halves_of_a_batch_give_what_the_whole_gives(kind, monkeypatch):
    """With what is cut off decided by the words, not drawn."""
    monkeypatch.setattr(passes, "_drawn", lambda ids, probability, _: (ids % 3 == 1) & (ids > UNK) & (probability > 0))
    twice = Passes(cutoffs=(0.0, 0.5), shares=(0.7, 0.3), pulls=(2.0, 0.5))
    model = model_of({"type": kind})
    whole = loss.forward_backward(model, batch_of(SOURCES, TARGETS), smoothing=0.1, device=CPU, passes=twice)
    gradient = gradients(model)
    halves = [
        loss.forward_backward(model, batch_of(SOURCES[rows], TARGETS[rows]), smoothing=0.1, device=CPU, passes=twice)
        for rows in (slice(1), slice(1, None))
    ]
    torch.testing.assert_close(sum(half.loss for half in halves), whole.loss)
    torch.testing.assert_close(gradients(model), gradient)


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_that_is_cut_off_is_as_good_as_any_other(kind):
    model, (src, tgt_in, _) = model_of({"type": kind}), batch_of(SOURCES, TARGETS)
    cut = Cut(src == 5, tgt_in == 4)
    hidden = model(src, tgt_in, cut).hidden
    other = model(src.masked_fill(cut.source, 10), tgt_in.masked_fill(cut.target, 8), cut).hidden
    torch.testing.assert_close(other, hidden, rtol=0, atol=0)
    assert not torch.allclose(model(src, tgt_in).hidden, hidden)


def test_nothing_is_drawn_where_nothing_is_asked_for():
    batch, state = batch_of(SOURCES, TARGETS), torch.get_rng_state()
    src, tgt_in, cut = passes.inputs(batch, passes.passes(TrainingConfig()))
    assert src is batch.src and tgt_in is batch.tgt_in and cut == Cut()
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("training", [R_DROP, SIMCUT, {"cutoff": 0.3}], ids=["r_drop", "simcut", "cutoff"])
def test_pieces_are_cut_off_as_often_as_asked_and_nothing_else(training):
    ids = torch.tensor([BOS, *[7] * 5000, EOS, PAD]).expand(3, -1)
    twice = passes.passes(TrainingConfig(**training))
    src, tgt_in, cut = passes.inputs(Batch(ids, ids, ids), twice)
    assert torch.equal(src, ids.repeat(twice.count, 1)) and torch.equal(tgt_in, src)
    assert not cut.source[src <= UNK].any() and not torch.equal(cut.source, cut.target)
    rates = [part[:, 1:-2].double().mean().item() for part in cut.source.split(3)]
    assert rates == pytest.approx([0.0, 0.3] if "simcut" in training else [0.3] * twice.count, abs=0.02)


def test_dropped_words_are_unknown_in_the_input_alone_and_in_both_passes():
    ids = torch.tensor([BOS, *[7] * 5000, EOS, PAD]).expand(3, -1)
    batch = Batch(ids, ids, ids)
    src, tgt_in, _ = passes.inputs(batch, passes.passes(TrainingConfig(word_dropout=0.2, r_drop=1.0)))
    assert torch.equal(*src.chunk(2)) and torch.equal(*tgt_in.chunk(2)) and not torch.equal(src, tgt_in)
    assert set(src[:, 1:-2].unique().tolist()) == {UNK, 7} and torch.equal(src[:3, [0, -2, -1]], ids[:, [0, -2, -1]])
    assert (src == UNK).double().mean().item() == pytest.approx(0.2, abs=0.02)
    assert torch.equal(batch.tgt_out, torch.tensor([BOS, *[7] * 5000, EOS, PAD]).expand(3, -1))


@pytest.mark.parametrize("training", [R_DROP, SIMCUT, {"cutoff": 0.3}], ids=["r_drop", "simcut", "cutoff"])
def test_a_tag_is_always_seen(training):
    tags, words = torch.arange(4, 6).repeat(200), torch.arange(6, 8).repeat(200)
    ids = torch.cat([tags, words])[None]
    drawn = passes.passes(TrainingConfig(word_dropout=0.3, **training), slots=2)
    src, _, cut = passes.inputs(Batch(ids, ids, ids), drawn)
    assert (src[:, :400] == tags).all() and (src[:, 400:] == UNK).any()
    assert not cut.source[:, :400].any() and cut.source[:, 400:].any()


CONFIG = {
    "run": "x", "data": {"source_language": "a", "target_language": "b", "train": {"tsv": "t"}, "dev": {"tsv": "d"}},
    "model": {"type": "attention_rnn"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("training", "model", "told"),
    [
        ({"r_drop": 5.0, "simcut": 3.0, "cutoff": 0.1}, {}, "training: r_drop and simcut both"),
        ({"simcut": 3.0}, {}, "training: simcut needs something to cut off"),
        ({"r_drop": 5.0}, {"dropout": 0.0}, "training.r_drop: without any dropout"),
        ({"r_drop": 5.0}, {"scope": "hard"}, "training.r_drop: hard attention"),
        ({"simcut": 5.0, "cutoff": 0.1}, {"scope": "hard"}, "training.simcut: hard attention"),
        ({"cutoff": 1.0}, {}, "training.cutoff: input should be less than 1"),
    ],
)
def test_what_cannot_be_is_refused(training, model, told):
    value = {**CONFIG, "model": {**CONFIG["model"], **model}, "training": training}
    with pytest.raises(ConfigError, match=told.replace(".", r"\.")):
        settings.check(settings.Config, value, name="config")


def test_cutoff_alone_is_dropout_enough():
    value = {**CONFIG, "model": {"type": "gru", "dropout": 0.0}, "training": R_DROP}
    assert settings.check(settings.Config, value, name="config").training.r_drop == 5.0
