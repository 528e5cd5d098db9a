"""The laws of search that every model and every variant keeps."""

import itertools

import pytest
import torch
from toy_model import sources, token_log_probabilities
from variants import VOCABULARY, model_of, variants

from nmt.config import SearchConfig
from nmt.decoding.search import beam_search
from nmt.ids import BOS, EOS, PAD, UNK

pytestmark = pytest.mark.parametrize("variant", variants())
SRC = sources(5, vocabulary=VOCABULARY)


@pytest.fixture
def model(variant):
    return model_of(variant)


@torch.no_grad()
def test_beam_1_is_greedy_search_without_a_cache(model):
    for source, (found,) in zip(SRC, beam_search(model, SRC, SearchConfig(beam=1, max_length=6)), strict=True):
        ids: list[int] = []
        while len(ids) < 6:
            hidden = model(source[source != PAD][None], torch.tensor([[BOS, *ids]])).hidden[0, -1]
            token = int(model.project(hidden)[EOS:].argmax()) + EOS
            if token == EOS:
                break
            ids.append(token)
        assert found.ids == ids
        logs = token_log_probabilities(model, source, ids)
        assert found.token_log_probabilities == pytest.approx(logs, abs=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_beam_as_large_as_the_space_is_brute_force(model, alpha):
    pieces = range(UNK, VOCABULARY)
    longest = torch.tensor(list(itertools.product(pieces, pieces)))  # every prefix is a prefix of one of them
    tgt_in = torch.cat([torch.full((len(longest), 1), BOS), longest], 1)
    beam = 1 + len(pieces) + len(longest)
    found = beam_search(model, SRC[:2], SearchConfig(beam=beam, n_best=5, max_length=2, length_penalty=alpha))
    for source, best in zip(SRC, found, strict=False):
        source = source[source != PAD].expand(len(longest), -1)
        logs = model.project(model(source, tgt_in).hidden).log_softmax(-1)
        scores = {}
        for row, ids in enumerate(longest.tolist()):
            for length in range(3):
                steps = [float(logs[row, t, token]) for t, token in enumerate([*ids[:length], EOS])]
                scores[tuple(ids[:length])] = sum(steps) / len(steps) ** alpha
        assert len(scores) == beam
        expected = sorted(scores, key=scores.get, reverse=True)[:5]
        assert [tuple(each.ids) for each in best] == expected
        assert [each.score for each in best] == pytest.approx([scores[ids] for ids in expected], abs=1e-5)


def test_a_sentence_alone_is_the_sentence_in_a_batch(model):
    search = SearchConfig(beam=4, n_best=3, max_length=8)
    for source, found in zip(SRC, beam_search(model, SRC, search), strict=True):
        (alone,) = beam_search(model, source[source != PAD][None], search)
        assert [each.ids for each in alone] == [each.ids for each in found]
        assert [each.score for each in alone] == pytest.approx([each.score for each in found], abs=1e-5)
