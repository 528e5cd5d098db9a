"""The neural Turing machine: what it learns in seconds, what its maps say, and how far its numbers reach."""

import pytest
import torch
from copy_task import value_of, write_text
from variants import model_of

from nmt import config as settings
from nmt.config import Config, NTMConfig
from nmt.decoding.translator import Translator
from nmt.errors import ConfigError
from nmt.training import train

SRC, TGT = torch.tensor([[4, 5, 6, 2], [7, 2, 0, 0]]), torch.tensor([[1, 4, 5, 6], [1, 7, 4, 4]])


def walking(slots: int):
    """A machine whose heads look for nothing and go on by one slot at each token."""
    model = model_of({"type": "ntm"}, slots=slots)
    key, place, shifts = [0.0] * model.width, [0.0, -1e3, 0.0], [0.0, 0.0, 1e3]  # k; beta, g, gamma; s
    ahead = torch.tensor(key + place + shifts, dtype=torch.float64)
    torch.nn.init.zeros_(model.heads.places.weight)
    model.heads.places.bias.data = ahead.repeat(2)
    return model


def test_maps_show_who_wrote_what_is_read():
    """On a circle of as many slots as the source has tokens, the reader comes to the first slot when it has ended. In
    the row of half the length, it comes to slots that nobody wrote, and only then to the first."""
    full, half = walking(slots=4).explain(SRC, TGT).cross[:, 0, 0]
    assert torch.equal(full, torch.eye(4, dtype=torch.float64))
    assert half.tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]]


def test_a_long_walk_in_bfloat16_comes_to_the_right_place():
    """bfloat16 cannot tell 256 from 257, nor would it keep a weighting sharp over so many turns."""
    model = walking(slots=128).bfloat16()
    source = torch.randint(4, 11, (1, 200))
    encoded = model.encode(source)
    assert encoded.memory.slots.dtype == encoded.machine.heads.dtype == torch.float32
    assert encoded.machine.heads[0, 0].argmax(-1).tolist() == [200 % 128] * 2
    assert encoded.machine.heads.amax() > 0.999


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_nothing_overflows_however_large_the_signals(precision):
    model = model_of({"type": "ntm", "read_heads": 2, "write_heads": 2}, slots=16)
    with torch.no_grad():
        for weight in model.heads.parameters():
            weight *= 100
    model.to(precision)
    hidden = model(SRC.repeat(1, 10)[:1], TGT.repeat(1, 10)[:1]).hidden
    hidden.sum().backward()
    assert hidden.isfinite().all() and all(weight.grad.isfinite().all() for weight in model.parameters())


def test_it_learns_to_copy(tmp_path):
    write_text(tmp_path)
    training = {"steps": 400, "batch_tokens": 160, "lr": 1e-2, "schedule": "cosine", "evaluate_every": 400}
    value = value_of(tokenizer={"kind": "bpe", "vocabulary": 21, "spare": 0}, training=training)
    value["model"] = {"type": "ntm", "embedding": 16, "hidden": 64, "slots": 8, "slot_width": 12, "max_length": 20}
    config = settings.check(Config, value, name="copy task", folder=tmp_path)
    assert train(config).best["bleu"]["value"] > 90
    assert Translator.load(config.run).translate(["a b c d", "h g"]) == ["a b c d", "h g"]


def test_a_reach_around_the_whole_memory_is_refused():
    with pytest.raises(ConfigError, match=r"reach \(4\) goes around the whole memory of 8 slots"):
        settings.check(NTMConfig, {"type": "ntm", "slots": 8, "reach": 4}, name="x")
