"""Decoding gives a device its work and asks once a step what came of it: see tests/training/test_waiting.py."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from variants import VOCABULARY, config_of, few_variants, model_of

from nmt.config import SearchConfig
from nmt.decoding.continuations import continue_best
from nmt.decoding.sampling import choose
from nmt.decoding.search import beam_search
from nmt.ids import BOS
from nmt.models import build

META = torch.device("meta")


@pytest.mark.parametrize("variant", few_variants())
def test_a_step_waits_for_nothing(variant):
    """Until a memory is full, and then one question is enough for many steps."""
    model = build(config_of(variant), VOCABULARY, VOCABULARY).eval().to(META)
    src, token = torch.ones(3, 5, dtype=torch.long, device=META), torch.full((3, 2), BOS, device=META)
    with torch.inference_mode():
        encoded = model.encode(src)
        state, log_probability = model.start(encoded, 2), torch.zeros(3, 2, device=META)
        for position in range(6):
            hidden, state = model.step(token, encoded, state)
            logits = model.project(hidden.flatten(0, 1))
            best = continue_best(logits, log_probability, may_end=position > 2, full=src[:, 0] > 1)
            token, log_probability = best.token, best.log_probability
            state = model.reorder(state, best.slot)


@pytest.mark.parametrize("settings", [{}, {"top_k": 5}, {"top_p": 0.9}], ids=str)
def test_a_draw_waits_for_nothing(settings):
    logits, uniform = torch.zeros(3, 9, device=META), torch.zeros(3, dtype=torch.float64, device=META)
    assert choose(logits, uniform, SearchConfig(sample=True, **settings)).shape == (3,)


class Questions(TorchDispatchMode):
    """Counts what would make the host wait for a GPU; a list of several numbers is not seen on the CPU."""

    count = 0

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        asks = ("_local_scalar_dense", "equal.default", "nonzero", "is_nonzero")
        self.count += any(name in str(function) for name in asks)
        return function(*arguments, **(keywords or {}))


@pytest.mark.parametrize("beam", [1, 4])
def test_a_search_asks_no_more_the_longer_it_takes(beam):
    """As long as nothing ends and until the memory is full."""

    def asked(pieces: int) -> int:
        search = SearchConfig(beam=beam, min_length=pieces, max_length=pieces)
        with Questions() as questions:
            beam_search(model, torch.tensor([[4, 5, 2], [6, 2, 0]]), search)
        return questions.count

    model = model_of({"type": "transformer"})
    assert asked(12) - asked(4) <= 12 * beam // 16 + 1
