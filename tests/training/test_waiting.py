"""An update gives a device its work and never waits for an answer, nor mixes it with the CPU's tensors.

No GPU is needed to see that: tensors on torch's meta device have a place and a shape and no content, so that any look
at a number fails, and so does an operation on tensors of two devices.
"""

import pytest
import torch
from variants import VOCABULARY, config_of, few_variants

from nmt.config import TrainingConfig
from nmt.data.batching import Batch, pad
from nmt.ids import BOS, EOS
from nmt.models import build
from nmt.training.learner import Learner
from nmt.training.optimizer import Optimizer
from nmt.training.ranks import Ranks

META = torch.device("meta")
BATCH = Batch(
    pad([[5, 6, 7, 8, EOS], [9, EOS]]), pad([[BOS, 7, 5], [BOS, 6, 10, 4]]), pad([[7, 5, EOS], [6, 10, 4, EOS]])
)  # fmt: skip
DROPOUT = {"gru": {}, "ntm": {}, "attention_rnn": {"attention_dropout": 0.1}, "transformer": {
    "attention_dropout": 0.1, "feed_forward_dropout": 0.1, "layer_dropout": 0.1, "stochastic_depth": 0.1,
}}  # fmt: skip


def update(monkeypatch, model: dict, **training) -> None:
    """One update of a model there; only torch's fused Adam, which is for real devices, is left out."""
    monkeypatch.setattr("nmt.training.optimizer._has_fused_kernel", lambda device: False)
    monkeypatch.setattr(Optimizer, "_apply", lambda self, bad, rate: self.muon.step(rate, bad=bad))
    config = TrainingConfig(precision="bfloat16", **training)
    learner = Learner(
        build(config_of(model | {"dropout": 0.1}), VOCABULARY, VOCABULARY).train(), config,
        device=META, ranks=Ranks(), slots=0,
    )  # fmt: skip
    done = learner.update([BATCH, BATCH], step=1, rate=0.1, interrupted=lambda: False)
    assert done.tokens == 14 and {each.device.type for each in (done.sums, done.norm)} == {"meta"}


@pytest.mark.parametrize("variant", few_variants())
def test_an_update_waits_for_nothing(monkeypatch, variant):
    hard = variant.get("scope") == "hard"
    update(monkeypatch, variant | ({} if hard else DROPOUT[variant["type"]]))


@pytest.mark.parametrize("kind", DROPOUT)
@pytest.mark.parametrize(
    "training",
    [{"r_drop": 5.0, "cutoff": 0.3, "word_dropout": 0.1}, {"simcut": 3.0, "cutoff": 0.3}, {"optimizer": "muon"}],
    ids=lambda training: next(iter(training)),
)
def test_nor_does_one_of_two_passes_or_by_muon(monkeypatch, kind, training):
    update(monkeypatch, {"type": kind}, **training)
