"""The neural Turing machine: what it learns in seconds, what its maps say, and how far its numbers reach."""

import random

import pytest
import torch
import torch.nn.functional as F
from variants import VOCABULARY, model_of

from nmt import config as settings
from nmt.config import NTMConfig
from nmt.errors import ConfigError
from nmt.ids import BOS, EOS
from nmt.models import build

SRC, TGT = torch.tensor([[4, 5, 6, 2], [7, 2, 0, 0]]), torch.tensor([[1, 4, 5, 6], [1, 7, 4, 4]])


def walking(slots: int):
    """A machine whose heads look for nothing and go on by one slot at each token."""
    model = model_of({"type": "ntm"}, slots=slots)
    key, place, shifts = [0.0] * model.width, [0.0, -1e3, 0.0], [0.0, 0.0, 1e3]  # k; beta, g, gamma; s
    ahead = torch.tensor(key + place + shifts, dtype=torch.float64)
    for heads in (model.readers, model.writers):
        torch.nn.init.zeros_(heads.places.weight)
        heads.places.bias.data = ahead
    return model


def test_maps_show_who_wrote_what_is_read():
    """Who reads begins where who wrote began; beyond the end of the shorter row nobody wrote."""
    full, half = walking(slots=4).explain(SRC, TGT).cross[:, 0, 0]
    assert torch.equal(full, torch.eye(4, dtype=torch.float64))
    assert half.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_a_long_walk_in_bfloat16_comes_to_the_right_place():
    """bfloat16 cannot tell 256 from 257, nor would it keep a weighting sharp over so many turns."""
    model = walking(slots=128).bfloat16()
    source = torch.randint(4, 11, (1, 200))
    encoded, written = model._write(source)
    assert encoded.memory.slots.dtype == written.dtype == torch.float32
    assert written.argmax(-1)[0].tolist() == [place % 128 for place in range(1, 201)] and written.amax(-1).min() > 0.999
    state = model.start(encoded, 1)
    for token in source[0]:
        state = model.step(token.view(1, 1), encoded, state).state
    assert state.heads.dtype == torch.float32 and state.heads.argmax() == 200 % 128 and state.heads.amax() > 0.999


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_nothing_overflows_however_large_the_signals(precision):
    model = model_of({"type": "ntm", "read_heads": 2, "write_heads": 2}, slots=16)
    with torch.no_grad():
        for weight in (*model.readers.parameters(), *model.writers.parameters()):
            weight *= 100
    model.to(precision)
    hidden = model(SRC.repeat(1, 10)[:1], TGT.repeat(1, 10)[:1]).hidden
    hidden.sum().backward()
    assert hidden.isfinite().all() and all(weight.grad.isfinite().all() for weight in model.parameters())


def sequences(length: int, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random symbols and their end mark, and the same after a begin mark."""
    symbols = torch.randint(4, VOCABULARY, (rows, length))
    begin, end = (symbols.new_full((rows, 1), mark) for mark in (BOS, EOS))
    return torch.cat([symbols, end], 1), torch.cat([begin, symbols], 1)


def test_it_learns_to_copy_and_goes_on_beyond_what_it_has_seen():
    """Lengths 1 to 8, then 12. When it finds out how is a matter of the seed; an LSTM of this size does not."""
    torch.manual_seed(1)
    model = build(NTMConfig(type="ntm", embedding=16, hidden=100, slots=24), VOCABULARY, VOCABULARY)
    adam, draw, recent = torch.optim.Adam(model.parameters(), lr=1e-2, betas=(0.9, 0.99)), random.Random(1), 3.0
    for step in range(1000):
        source, begun = sequences(draw.randint(1, 8), 16)
        loss = F.cross_entropy(model.project(model(source, begun).hidden).flatten(0, 1), source.flatten())
        recent += 0.03 * (loss.item() - recent)
        if recent < 0.05:
            break
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.param_groups[0]["lr"] = 1e-2 * min(1, step / 50)
        adam.step()
        adam.zero_grad()
    source, begun = sequences(12, 100)
    right = model.project(model(source, begun).hidden).argmax(-1) == source
    assert recent < 0.05 and right.float().mean() > 0.9


def test_a_reach_around_the_whole_memory_is_refused():
    with pytest.raises(ConfigError, match=r"reach \(4\) goes around the whole memory of 8 slots"):
        settings.check(NTMConfig, {"type": "ntm", "slots": 8, "reach": 4}, name="x")
