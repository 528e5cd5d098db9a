"""The processes of one training, which `torchrun` starts: each has the whole model and its share of every batch.

    g = sum over ranks r of (sum over r's tokens of their gradients) / tokens of the whole update

What an update is depends on the config alone. Rank r of n takes the rows r, r + n, r + 2n, ... of each of its batches,
which are sorted by length, so that all have the same to do. More processes make an update faster and leave it what
it is, up to rounding; a run may go on with another number of them.

Tensors travel by NCCL on GPUs and by gloo on CPUs; what the programs agree on (signals, counters) always by gloo,
for which no GPU has to stop.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from nmt import runtime
from nmt.data.batching import Batch
from nmt.errors import NMTError

PATIENCE = timedelta(hours=24)
"""How long a rank waits for the others. The first one evaluates alone; one that dies is noticed at once. Each group
must be told: it does not take it from the first."""


class Ranks:
    """Who am I among how many; without others every exchange is nothing. With them each raises NMTError when one of
    them is gone."""

    def __init__(self, rank: int = 0, count: int = 1):
        self.rank, self.count = rank, count
        self._programs = dist.new_group(timeout=PATIENCE, backend="gloo") if count > 1 else None

    @property
    def first(self) -> bool:
        """The first rank alone evaluates, writes and speaks."""
        return self.rank == 0

    def share(self, batch: Batch) -> Batch | None:
        """This rank's rows of a batch; None when there are fewer rows than ranks and none is left."""
        if self.count == 1:
            return batch
        return Batch(*(side[self.rank :: self.count] for side in batch)) if len(batch.src) > self.rank else None

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Each tensor becomes its sum over the ranks: the same bits in all of them."""
        self._exchange(tensors, dist.all_reduce)

    def copy_first(self, tensors: Sequence[Tensor]) -> None:
        """Each tensor becomes what it is in the first rank."""
        self._exchange(tensors, lambda flat: dist.broadcast(flat, src=0))

    def largest(self, number: int) -> int:
        """The largest of the ranks' numbers."""
        if self.count == 1:
            return number
        tensor = torch.tensor(number)
        with _others_alive():
            dist.all_reduce(tensor, dist.ReduceOp.MAX, group=self._programs)
        return int(tensor)

    def tell(self, value: Any) -> Any:
        """What the first rank says, a plain value, in all of them."""
        if self.count == 1:
            return value
        content = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        size = torch.tensor(len(content))
        with _others_alive():
            dist.broadcast(size, src=0, group=self._programs)
            content = content if self.first else content.new_empty(int(size))
            dist.broadcast(content, src=0, group=self._programs)
        return json.loads(bytes(content.tolist()))

    def _exchange(self, tensors: Sequence[Tensor], collective) -> None:
        """All tensors of a format in one message."""
        if self.count == 1:
            return
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            same = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.reshape(-1) for tensor in same])
            with _others_alive():
                collective(flat)
            parts = flat.split([tensor.numel() for tensor in same])
            torch._foreach_copy_(same, [part.view_as(tensor) for part, tensor in zip(parts, same, strict=True)])


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """Meet the others, as the environment that torchrun sets says; the only one without torchrun."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Ranks()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with _others_alive():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


@contextmanager
def _others_alive() -> Iterator[None]:
    """torch tells in a RuntimeError that a connection broke, and so it does when memory runs out."""
    try:
        yield
    except RuntimeError as error:
        if runtime.is_out_of_memory(error):
            raise
        raise NMTError(
            f"another process of this training is gone ({str(error).splitlines()[0]})",
            hint="its own message says why; --resume goes on from the last checkpoint",
        ) from error
