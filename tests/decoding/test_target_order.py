"""From right to left: what training sees is turned round, and everything that comes out is turned back."""

import numpy as np
import pytest
import torch
from test_translator import tokenizers  # noqa: F401 (a fixture)
from toy_model import real_model

from nmt.config import SearchConfig
from nmt.data.batching import batches
from nmt.data.corpus import Corpus, ragged
from nmt.decoding.engine import HeadChoice
from nmt.decoding.hypothesis import LINE_BREAKS
from nmt.decoding.target_order import as_read, as_written, in_order
from nmt.decoding.torch_engine import TorchEngine
from nmt.decoding.translator import Translator
from nmt.ids import BOS, EOS, PAD

SOURCES, TARGETS = [[4, 5, 6], [7, 8], [9]], [[5, 6, 7, 8], [], [4]]
BOTH = {"attention": HeadChoice(), "details": True}


def test_batches_hold_the_target_turned_round():
    corpora = [
        Corpus([ragged(side, np.uint16) for side in (SOURCES, TARGETS)], right_to_left=turned)
        for turned in (False, True)
    ]
    for plain, turned in zip(*(batches(corpus, batch_tokens=1000) for corpus in corpora), strict=True):
        assert torch.equal(plain.src, turned.src)
        for before, begun, after in zip(plain.tgt_out, turned.tgt_in, turned.tgt_out, strict=True):
            ids = before[before > EOS].tolist()
            assert after[after != PAD].tolist() == [*ids[::-1], EOS]
            assert begun[: len(ids) + 1].tolist() == [BOS, *ids[::-1]]


@pytest.fixture
def engines():
    engine = TorchEngine(real_model("transformer").float())
    return engine, in_order(engine, "right_to_left")


def test_left_to_right_is_left_alone(engines):
    assert in_order(engines[0], "left_to_right") is engines[0]


@pytest.mark.parametrize("sample", [False, True])
def test_a_search_is_turned_back(engines, sample):
    search = SearchConfig(beam=3, n_best=3, sample=sample, max_length=6)
    for plain, turned in zip(*(each.search(SOURCES, search, **BOTH) for each in engines), strict=True):
        for before, after in zip(plain.hypotheses, turned.hypotheses, strict=True):
            assert after.ids == before.ids[::-1] and after[1:3] == before[1:3]
            assert dict(zip([*range(len(after.ids))[::-1], -1], after.token_log_probabilities, strict=True)) == dict(
                zip([*range(len(before.ids)), -1], before.token_log_probabilities, strict=True)
            )
        rows = [*range(len(plain.attention) - 1)[::-1], len(plain.attention) - 1]
        assert np.array_equal(turned.attention, plain.attention[rows])


def test_scores_and_attention_are_turned_back(engines):
    plain, turned = engines
    backwards = [ids[::-1] for ids in TARGETS]
    scores = zip(plain.score(SOURCES, backwards, batch_tokens=99), turned.score(SOURCES, TARGETS, batch_tokens=99),
                 strict=True)  # fmt: skip
    for before, after in scores:
        assert after == [*before[:-1][::-1], before[-1]]
    maps = zip(plain.explain(SOURCES, backwards), turned.explain(SOURCES, TARGETS), TARGETS, strict=True)
    for before, after, ids in maps:
        written, read = [*range(len(ids))[::-1], len(ids)], [0, *range(1, len(ids) + 1)[::-1]]
        assert np.array_equal(after.encoder, before.encoder)
        assert np.array_equal(after.cross, before.cross[:, :, written])
        assert np.array_equal(as_read(after.cross, "right_to_left"), before.cross[:, :, read])
        assert np.array_equal(as_written(as_read(after.cross, "right_to_left"), "right_to_left"), after.cross)
        assert np.array_equal(after.decoder, before.decoder[:, :, read][:, :, :, read])


def test_a_translator_scores_what_it_found_as_it_found_it(tokenizers):  # noqa: F811
    model = real_model("gru", tokenizers.source.size, tokenizers.target.size).float()
    search = SearchConfig(beam=3, max_length=8)
    translator = Translator(in_order(TorchEngine(model), "right_to_left"), tokenizers, search)
    for found in translator.translations(["A man.", "Nobody is here."]):
        (best,) = found.hypotheses
        ids = [tokenizers.target.id_of(token) for token in best.tokens[:-1]]
        assert best.text == tokenizers.target.decode([ids])[0].translate(LINE_BREAKS)
        (logs,) = translator.engine.score(tokenizers.source.encode([found.source]), [ids], batch_tokens=99)
        assert logs == pytest.approx(best.token_log_probabilities, abs=1e-4)
