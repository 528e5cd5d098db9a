"""The choice of the machine's number format and threads, and what it says about memory."""

import subprocess
import sys

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
def test_a_missing_device_is_an_error(monkeypatch, name):
    monkeypatch.delenv(runtime.DEVICE)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert runtime.choose_device("auto") == torch.device("cpu")
    with pytest.raises(NMTError, match=f"no {name.upper()} device"):
        runtime.choose_device(name)


def test_auto_is_the_device_of_the_environment_variable(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert runtime.choose_device("auto") == torch.device("cpu"), "NMT_DEVICE=cpu, set for all tests"
    assert runtime.choose_device("cuda") == torch.device("cuda", 0), "a named device is taken as it is"
    monkeypatch.setenv(runtime.DEVICE, "cuda")
    assert runtime.choose_device("auto") == torch.device("cuda", 0)
    monkeypatch.setenv(runtime.DEVICE, "")
    assert runtime.choose_device("auto") == torch.device("cuda", 0), "an empty variable is no variable"
    monkeypatch.setenv(runtime.DEVICE, "cpux")
    with pytest.raises(NMTError, match='unknown device "cpux"') as fault:
        runtime.choose_device("auto")
    assert runtime.DEVICE in fault.value.hint


def test_more_processes_than_cards_are_told(monkeypatch):
    monkeypatch.delenv(runtime.DEVICE)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for rank in (0, 1):
        monkeypatch.setenv("LOCAL_RANK", str(rank))
        assert runtime.choose_device("auto") == torch.device("cuda", rank)
    monkeypatch.setenv("LOCAL_RANK", "2")
    for name in ("auto", "cuda", "cuda:7"):
        with pytest.raises(NMTError, match=r"cuda:\d: there are 2 CUDA devices here"):
            runtime.choose_device(name)


def test_what_there_is_not_is_told():
    for fault in (
        lambda: runtime.choose_device("nothing"),
        lambda: runtime.choose_precision("float16", torch.device("cpu")),
        lambda: runtime.set_threads(0),
    ):
        with pytest.raises(NMTError):
            fault()


def peaks(code: str) -> list[int]:
    """What a fresh process prints."""
    command = [sys.executable, "-c", f"from nmt.runtime import peak_memory as peak; {code}"]
    return list(map(int, subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.split()))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not say")
def test_the_peak_of_memory_stays_when_the_memory_is_freed():
    before, during, after = peaks("print(peak()); block = b'x' * 10**8; print(peak()); del block; print(peak())")
    assert during - before > 9e7 and after - before > 9e7


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it may be")
def test_the_peak_of_memory_is_not_that_of_the_process_that_started_this_one():
    block = b"x" * (3 * 10**8)
    assert peaks("print(peak())")[0] < len(block) / 2
