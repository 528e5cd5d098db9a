"""The choice of the machine's number format and threads."""

import pytest
import torch

from nmt import runtime
from nmt.errors import NMTError


@pytest.mark.parametrize(("capability", "precision"), [((7, 5), torch.float32), ((8, 0), torch.bfloat16)])
def test_auto_is_bfloat16_on_gpus_that_multiply_in_it(monkeypatch, capability, precision):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert runtime.choose_precision("auto", torch.device("cuda")) == precision
    assert runtime.choose_precision("float32", torch.device("cuda")) == torch.float32


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_is_missing_is_told(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert runtime.choose_device("auto") == torch.device("cpu")
    with pytest.raises(NMTError, match=f"no {name.upper()} device"):
        runtime.choose_device(name)
