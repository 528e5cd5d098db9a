"""The best continuations, found in blocks, against a whole sort."""

import pytest
import torch

from nmt.decoding.continuations import continue_best, normaliser
from nmt.ids import EOS, UNK


def slow_best(logits, log_probability, may_end, full):
    """Of all continuations of a sentence, sorted: what ends among the K best, and the K best that go on.

    If none may end, the others share its probability.
    """
    logits = logits.double()
    if not may_end:
        logits[:, EOS] = -torch.inf
    logs = logits.log_softmax(-1) + log_probability[:, None].double()
    candidates = sorted(
        (
            (float(logs[slot, token]), slot, token)
            for slot in range(len(logs))
            for token in [EOS] * may_end + list(range(UNK, logits.size(1))) * (not full)
        ),
        reverse=True,
    )
    ending = {slot: total for total, slot, token in candidates[: len(logs)] if token == EOS and total > -torch.inf}
    return ending, [each for each in candidates if each[2] != EOS][: len(logs)]


@pytest.mark.parametrize("vocabulary", [5, 127, 128, 129, 1000])
@pytest.mark.parametrize("may_end", [True, False])
def test_the_best_are_those_of_a_whole_sort(vocabulary, may_end):
    torch.manual_seed(vocabulary)
    sentences, slots = 7, 5  # more rows than are normalised together
    logits = 3 * torch.randn(sentences * slots, vocabulary)
    logits[:, :2] += 9  # what never follows, though likely
    logits[::3, EOS] += 5
    before = -3 * torch.rand(sentences, slots)
    before[1, 2:] = before[3, 1:] = -torch.inf
    full = (torch.arange(sentences) == 3) & may_end
    found = continue_best(logits, before, may_end=may_end, full=full)
    assert int(found.token.max()) < vocabulary  # also where there is no continuation: a model looks it up
    assert may_end == bool(found.ends.any())
    own = logits.double().log_softmax(-1).view(sentences, slots, -1)
    for sentence, rows in enumerate(logits.view(sentences, slots, -1)):
        ending, going_on = slow_best(rows, before[sentence], may_end, bool(full[sentence]))
        assert set(found.ends[sentence].nonzero().flatten().tolist()) == set(ending)
        for slot, total in ending.items():
            assert float(found.end_log_probability[sentence, slot]) == pytest.approx(total, abs=1e-4)
            alone = float(own[sentence, slot, EOS])
            assert float(found.end_token_log_probability[sentence, slot]) == pytest.approx(alone, abs=1e-4)
        for rank in range(slots):
            total, slot, token = going_on[rank] if rank < len(going_on) else (-torch.inf, 0, 0)
            assert float(found.log_probability[sentence, rank]) == pytest.approx(total, abs=1e-4)
            if total > -torch.inf:
                assert (int(found.slot[sentence, rank]), int(found.token[sentence, rank])) == (slot, token)
                alone = float(own[sentence, slot, token])
                assert float(found.token_log_probability[sentence, rank]) == pytest.approx(alone, abs=1e-4)


def test_bfloat16_logits_are_normalised_in_float32():
    logits = torch.randn(40, 3000).bfloat16()
    exact = logits.double().logsumexp(1)
    torch.testing.assert_close(normaliser(logits).double(), exact, atol=1e-5, rtol=0)
    found = continue_best(logits, torch.zeros(8, 5), may_end=True, full=torch.zeros(8, dtype=torch.bool))
    logs = (logits.double() - exact[:, None]).view(8, 5, -1)[:, :, UNK:].flatten(1).topk(5).values
    torch.testing.assert_close(found.log_probability.double(), logs, atol=1e-5, rtol=0)
