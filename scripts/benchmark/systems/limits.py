"""What the hardware can do: the fastest matrix product of a few shapes, and the speed of memory."""

from collections.abc import Callable
from time import perf_counter

import harness
import torch
import torch_loop

REPEATS = 7


def seconds(run: Callable[[], object], wait: Callable[[], None]) -> float:
    """Of the fastest of a few runs."""
    run()
    best = float("inf")
    for _ in range(REPEATS):
        wait()
        begin = perf_counter()
        run()
        wait()
        best = min(best, perf_counter() - begin)
    return best


def main() -> None:
    job = harness.read_job()
    device = torch_loop.device_of(job)
    wait = torch_loop.waiting(device)
    rates = {}
    for name in ("float32", "bfloat16"):
        found = []
        for rows, inner, columns in job["shapes"]:
            a = torch.randn(rows, inner, device=device).to(getattr(torch, name))
            b = torch.randn(columns, inner, device=device).to(getattr(torch, name))
            found.append(2 * rows * inner * columns / seconds(lambda a=a, b=b: a @ b.mT, wait))
        rates[name] = max(found)
    source = torch.ones(job["bytes"] // 4, device=device)
    copy = torch.empty_like(source)
    moved = 2 * source.nbytes / seconds(lambda: copy.copy_(source), wait)  # read and written
    harness.answer("torch", flops=rates, bandwidth=moved)


if __name__ == "__main__":
    main()
