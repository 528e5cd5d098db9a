"""A plain training loop in torch, for the systems that bring a model and a loss but no loop of their own."""

from collections.abc import Callable
from typing import Any

import harness
import numpy as np
import torch
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def device_of(job: dict[str, Any]) -> torch.device:
    """The job's device; the CPU computes with the job's threads."""
    torch.set_num_threads(job["threads"])
    torch.manual_seed(1)
    return torch.device(job["device"])


def moved(device: torch.device, *arrays: Any) -> list[Tensor]:
    """Arrays as tensors on the device; copies to a GPU do not wait for what it is still doing."""
    tensors = map(torch.from_numpy, arrays)
    if device.type == "cuda":
        return [each.pin_memory().to(device, non_blocking=True) for each in tensors]
    return list(tensors)


def weights(path: str) -> dict[str, Tensor]:
    """The weights of a model of ours, by name, from a file of arrays."""
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def autocast(job: dict[str, Any]) -> torch.autocast:
    """bfloat16 as torch's users have it."""
    return torch.autocast(job["device"], torch.bfloat16, enabled=job["precision"] == "bfloat16")


def waiting(device: torch.device) -> Callable[[], None]:
    """What waits until the device has done all that it was told."""
    return torch.cuda.synchronize if device.type == "cuda" else lambda: None


def measure(job: dict[str, Any], package: str, model: nn.Module, loss_of: Loss) -> None:
    """Time Adam on `loss_of(src, tgt_in, tgt_out)`, the mean over the target tokens."""
    device = device_of(job)
    model.to(device).train()
    adam = torch.optim.Adam(model.parameters(), lr=job["lr"], betas=(0.9, 0.98), eps=1e-9, fused=True)

    def update(batch: harness.Update) -> Tensor:
        with autocast(job):
            loss = loss_of(*moved(device, *batch))
        adam.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), job["clip"])
        adam.step()
        return loss.detach()

    harness.measure_training(job, package, update, wait=waiting(device))
