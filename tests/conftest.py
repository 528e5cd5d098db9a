"""Every test runs on one thread, so that several test processes share the machine; always from the same seed; and on
the CPU (NMT_DEVICE), whose bits are the same each time. tests/gpu alone takes the card whose number NMT_GPU is."""

import os
import signal
from collections import Counter

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["NMT_DEVICE"] = "cpu"
if "NMT_GPU" in os.environ:
    os.environ["CUDA_VISIBLE_DEVICES"] = os.environ["NMT_GPU"]

import pytest
import torch
from forks import Forks

torch.set_num_threads(1)
collect_ignore = [] if "NMT_GPU" in os.environ else ["gpu"]
for name, usual in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    # In the background of a script Ctrl-C is ignored, under nohup SIGHUP; here both are sent on purpose.
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
        signal.signal(getattr(signal, name), usual)


def pytest_addoption(parser):
    parser.addoption("--kills", type=int, default=120, help="real kills of each kind in the long tests")


def pytest_terminal_summary(terminalreporter):
    """What the tests counted: an integer that a test gives to `record_property` is added to those of the same name."""
    totals = Counter()
    for report in terminalreporter.stats.get("passed", ()):
        totals.update({name: value for name, value in report.user_properties if isinstance(value, int)})
    for name, value in sorted(totals.items()):
        terminalreporter.write_line(f"{name}: {value:,}")


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def forks(folder):
    """Real processes in the folder that the module's own fixture makes."""
    forks = Forks(folder)
    yield forks
    forks.close()
