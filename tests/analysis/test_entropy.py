"""The entropy of attention: by hand, against a loop over single sentences, and where there is none."""

import math

import numpy as np
import pytest
import tiny_bundle
import torch

from nmt.analysis import entropy
from nmt.decoding.translator import Translator
from nmt.ids import BOS, EOS

SOURCE = ["A man in an orange hat.", "No.", "Two young, white males are outside near many bushes.", "Nobody"]
TARGET = ["A girl", "Is anyone there? No. Nobody.", "A man in an orange hat is starring at something.", "No"]


def test_by_hand():
    """Two layers of one head; the second target position and the third source piece of the second row are padding."""
    even, sharp, half = [1 / 3] * 3, [0.0, 1.0, 0.0], [0.5, 0.5, 0.0]
    weights = torch.tensor([[[[even, sharp]], [[half, even]]], [[[half, even]], [[sharp, even]]]])
    weights = weights.double()
    real = torch.tensor([[True, True, True], [True, True, False]]), torch.tensor([[True, True], [True, False]])
    found = entropy.summed(weights, *real)
    log2, log3 = math.log(2), math.log(3)
    assert found.positions == 3
    assert found.nats.tolist() == [[pytest.approx(log3 + 0 + log2)], [pytest.approx(log2 + log3 + 0)]]
    assert found.share.tolist() == [[pytest.approx(1 + 0 + 1)], [pytest.approx(log2 / log3 + 1 + 0)]]


def test_weights_that_do_not_sum_to_one_are_divided_by_their_sum():
    weights = torch.tensor([[[[[0.2, 0.2, 0.0], [0.9, 0.9, 0.9], [0.0, 0.0, 0.0]]]]]).double()
    found = entropy.summed(weights, torch.ones(1, 3).bool(), torch.ones(1, 3).bool())
    assert found.nats.item() == pytest.approx(math.log(2) + math.log(3))


def test_one_piece_leaves_nothing_to_choose():
    found = entropy.summed(torch.ones(1, 1, 1, 2, 1).double(), torch.ones(1, 1).bool(), torch.ones(1, 2).bool())
    assert found.nats.item() == found.share.item() == 0


def test_a_model_is_measured_as_by_one_sentence_at_a_time(tmp_path):
    translator = Translator.load(tiny_bundle.save(tmp_path, decoder_layers=2), precision="float32")
    found = entropy.of_translator(translator, SOURCE, TARGET)
    nats, share = [], []
    for source, target in zip(SOURCE, TARGET, strict=True):
        src = torch.tensor([[*translator.tokenizers.source.encode([source])[0], EOS]])
        tgt = torch.tensor([[BOS, *translator.tokenizers.target.encode([target])[0]]])
        with torch.inference_mode():
            (weights,) = translator.engine.model.explain(src, tgt).cross.double().numpy()
        h = -(weights * np.log(weights)).sum(-1)  # [layer, head, position]
        nats.append(h), share.append(h / math.log(src.size(1)))
    for ours, theirs in ((found.nats, nats), (found.share, share)):
        assert np.array(ours) == pytest.approx(np.concatenate(theirs, -1).mean(-1), rel=1e-4)
    assert found.positions == sum(each.shape[-1] for each in nats) and found.left_out == 0
    assert np.shape(found.nats) == (2, 2) and found.mean[0] == pytest.approx(np.mean(found.nats))


def test_sentences_longer_than_the_model_takes_are_left_out(tmp_path):
    translator = Translator.load(tiny_bundle.save(tmp_path, max_length=40))
    found = entropy.of_translator(translator, [*SOURCE, "word " * 60], [*TARGET, "x"])
    assert found.left_out == 1 + sum(len(each) > 39 for each in translator.tokenizers.source.encode([*SOURCE, *TARGET]))
    assert entropy.of_translator(translator, ["word " * 60], ["x"]) is None
