"""The machine: device, number format, threads and memory.

torch is imported where it is needed: its second is longer than all else that a translation without it takes.
"""

import ctypes
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from nmt.errors import NMTError
from nmt.workers import threads_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch


DEVICE = "NMT_DEVICE"
"""Environment variable: the device that `auto` stands for, such as cpu or cuda."""
OTHER_DEVICE = f"use --device cpu, or --device auto without the environment variable {DEVICE}"


def resolve_auto(name: str) -> str:
    """Replace `auto` by the device that NMT_DEVICE names. Without NMT_DEVICE, and for any other name, return `name`."""
    return (os.environ.get(DEVICE) or "auto") if name == "auto" else name


def choose_device(name: str = "auto") -> "torch.device":
    """Return the torch device of this name.

    `auto` is the device that the environment variable NMT_DEVICE names, else CUDA, else Apple's MPS, else the CPU. Each
    process of a machine has a CUDA card of its own. Raises NMTError if the device is unknown or missing.
    """
    import torch

    name = resolve_auto(name)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise NMTError("no CUDA device is available", hint=OTHER_DEVICE)
    if name == "mps" and not torch.backends.mps.is_available():
        raise NMTError("no MPS device is available", hint=OTHER_DEVICE)
    try:
        own = int(os.environ.get("LOCAL_RANK", "0"))
        device = torch.device(name, own) if name == "cuda" else torch.device(name)
    except RuntimeError as error:
        hint = f"use auto, cpu, cuda or mps in --device or in the environment variable {DEVICE}"
        raise NMTError(f'unknown device "{name}"', hint=hint) from error
    if device.type == "cuda" and (device.index or 0) >= (count := torch.cuda.device_count()):
        raise NMTError(f"{device}: there are {count} CUDA devices here", hint="as many processes as there are devices")
    return device


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory was short; torch says it in a RuntimeError, in other words on each device and in each library."""
    said = (
        "out of memory", "not enough memory", "can't allocate memory", "STATUS_ALLOC_FAILED",
        "failed to map segment from shared object",  # of a library, under a limit such as `ulimit -v`
    )  # fmt: skip
    says_so = isinstance(error, RuntimeError | ImportError) and any(words in str(error) for words in said)
    return isinstance(error, MemoryError) or says_so


def choose_precision(name: str, device: "torch.device") -> "torch.dtype":
    """auto is bfloat16 where the device multiplies in it, else float32."""
    import torch

    if name == "auto":
        name = "bfloat16" if _computes_in_bfloat16(device) else "float32"
    if name not in ("float32", "bfloat16"):
        raise NMTError(f"{name}: is no precision", hint="auto, float32 or bfloat16")
    return getattr(torch, name)


def name_of(precision: "torch.dtype") -> str:
    """As a config says it."""
    return str(precision).removeprefix("torch.")


def _computes_in_bfloat16(device: "torch.device") -> bool:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)  # Ampere
    # Emulated bfloat16 is slower than float32, so only processors with instructions for it count.
    if hasattr(torch.cpu, "get_capabilities"):
        return device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # older torch
    return device.type == "cpu" and supported is not None and supported()


def make_deterministic() -> None:
    """Choose algorithms that give the same bits each time. Only GPUs have others; some operations become slower there.

    Call it before the device is first used: cuBLAS looks at its setting once.
    """
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)


def set_threads(threads: int | None) -> None:
    """Threads of one operation on the CPU; None leaves torch's choice. Raises NMTError as `threads_of` does."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads_of(threads))


def keep_freed_memory() -> None:
    """Tell glibc to reuse freed blocks: giving each back to the system costs more in page faults than the arithmetic.

    Measured on a chunked cross entropy over 8,000 ids: 319 -> 163 ms. Elsewhere than on glibc nothing happens.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt") and hasattr(libc, "gnu_get_libc_version"):
        top_pad, mmap_threshold, trim_threshold = -2, -3, -1
        # Older ones refuse more than 32 MiB, and without a value would stay at 128 KiB once the others are set.
        libc.mallopt(mmap_threshold, 1 << 30) or libc.mallopt(mmap_threshold, 1 << 25)
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(top_pad, 64 << 20)


def time_idle(work: "Callable[[], object]", device: "torch.device") -> float:
    """Seconds that `work` would take on an idle machine.

    On a CPU the time for which other programs had the cores is left out: the result is the time of this thread, or of
    all threads divided by their number if others did the work, and never more than the time that passed.
    """
    import torch

    passed, thread, process = time.perf_counter(), time.thread_time(), time.process_time()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    passed = time.perf_counter() - passed
    if device.type != "cpu":
        return passed
    thread, process = time.thread_time() - thread, time.process_time() - process
    return min(passed, max(thread, process / torch.get_num_threads()))


def load() -> float | None:
    """Cores that programs kept busy during the last minute; None if the system does not report it (Windows)."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def peak_memory(device: "torch.device | None" = None) -> int | None:
    """Bytes at the worst moment so far: of a CUDA device, else of this process; None where the system does not say."""
    if device is not None and device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "linux":  # where what getrusage says begins with the memory of the process that started this one
        with suppress(OSError), open("/proc/self/status", encoding="ascii", errors="replace") as file:
            for name, _, value in (line.partition(":") for line in file):
                if name == "VmHWM":
                    return int(value.split()[0]) * 1024
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def describe(device: "torch.device") -> dict[str, str | int]:
    """Facts about the machine that a log should hold: where one differs, so may the last bits of a result."""
    import torch

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {
        "device": name, "threads": torch.get_num_threads(), "cores": os.cpu_count() or 1,
        "instructions": torch.backends.cpu.get_cpu_capability(), "python": sys.version.split()[0],
        "torch": torch.__version__, "platform": sys.platform,
    }  # fmt: skip
