"""The best continuations, found in blocks, against a whole sort."""

import pytest
import torch

from nmt.decoding.continuations import continue_best, normaliser
from nmt.ids import EOS, UNK


def slow_best(logits, log_probability, full, first):
    """Every continuation of every hypothesis of a sentence, sorted."""
    logs = logits.double().log_softmax(-1) + log_probability[:, None].double()
    candidates = [
        (float(logs[slot, token]), slot, token)
        for slot in range(len(logs))
        for token in range(logits.size(1))
        if (token == EOS if full else token >= first)
    ]
    return sorted(candidates, reverse=True)[: len(logs)]


@pytest.mark.parametrize("vocabulary", [5, 127, 128, 129, 1000])
@pytest.mark.parametrize("first", [EOS, UNK])
def test_the_best_are_those_of_a_whole_sort(vocabulary, first):
    torch.manual_seed(vocabulary)
    sentences, slots = 7, 5  # more rows than are normalised together
    logits = 3 * torch.randn(sentences * slots, vocabulary)
    logits[:, :2] += 9  # what never follows, though likely
    before = -3 * torch.rand(sentences, slots)
    before[1, 2:] = before[3, 1:] = -torch.inf
    full = torch.arange(sentences) == 3
    found = continue_best(logits, before, full, first)
    assert int(found.token.max()) < vocabulary  # also where there is no continuation: a model looks it up
    for sentence, rows in enumerate(logits.view(sentences, slots, -1)):
        expected = slow_best(rows, before[sentence], bool(full[sentence]), first)
        for rank, (total, slot, token) in enumerate(expected):
            assert float(found.log_probability[sentence, rank]) == pytest.approx(total, abs=1e-4)
            if total > -torch.inf:
                assert (int(found.slot[sentence, rank]), int(found.token[sentence, rank])) == (slot, token)
                alone = total - float(before[sentence, slot])
                assert float(found.token_log_probability[sentence, rank]) == pytest.approx(alone, abs=1e-4)


def test_bfloat16_logits_are_normalised_in_float32():
    logits = torch.randn(40, 3000).bfloat16()
    exact = logits.double().logsumexp(1)
    torch.testing.assert_close(normaliser(logits).double(), exact, atol=1e-5, rtol=0)
    found = continue_best(logits, torch.zeros(8, 5), torch.zeros(8, dtype=torch.bool), EOS)
    logs = (logits.double() - exact[:, None]).view(8, 5, -1)[:, :, EOS:].flatten(1).topk(5).values
    torch.testing.assert_close(found.log_probability.double(), logs, atol=1e-5, rtol=0)
