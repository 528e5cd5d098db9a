"""One update of the weights, from a few batches: shared among ranks, split where memory is short.

The random numbers of an update (dropout's) are a pure function of (seed, update, rank): no random state is left over
that a checkpoint would have to keep.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nmt import runtime
from nmt.config import TrainingConfig
from nmt.data.batching import Batch
from nmt.models.base import Seq2Seq
from nmt.training import loss
from nmt.training.optimizer import Optimizer
from nmt.training.passes import passes
from nmt.training.ranks import Ranks


class Done(NamedTuple):
    """What an update was; over all ranks, the tensors on the device."""

    tokens: int
    """Target tokens, whatever came of them."""
    sums: Tensor  # [loss, nll, tokens]; zeros when loss or gradient were not finite and no weight has changed
    norm: Tensor  # of the gradient, before clipping


class Learner:
    """A model and its optimizer."""

    def __init__(self, model: Seq2Seq, config: TrainingConfig, *, device: torch.device, ranks: Ranks, slots: int):
        """Moves the float32 `model` to the device and to the precision of the config. `slots` is how many ids of its
        sources are for tags."""
        self.model, self.config, self.device, self.ranks = model.to(device), config, device, ranks
        self.precision = runtime.choose_precision(config.precision, device)
        self.optimizer = Optimizer(self.model, config, self.precision)
        self.passes = passes(config, slots=slots)
        self.splits = 0
        """Batches that had to be split because memory ran out."""

    def update(
        self, batches: Sequence[Batch], *, step: int, rate: float, interrupted: Callable[[], bool]
    ) -> Done | None:
        """Update `step`, counted from 1, at a learning rate; None when it is `interrupted` between two batches."""
        torch.manual_seed(_seed(self.config.seed, step, self.ranks.rank))
        tokens = sum(map(loss.count, batches))
        sums = torch.zeros(3, device=self.device)
        for number, batch in enumerate(batches):
            if number and interrupted():
                self.optimizer.forget()
                return None
            part = self.ranks.share(batch)
            if part is not None:
                sums[:2] += self.add_gradient(part)
        self.ranks.add_up([*self.optimizer.gradients(), sums])
        sums[2] = tokens
        norm, good = self.optimizer.step(tokens, rate, loss=sums[0])
        return Done(tokens, torch.where(good, sums, 0), norm)

    def add_gradient(self, batch: Batch) -> Tensor:
        """Add a batch's gradient to the optimizer's sum; its [loss, nll].

        The sums know no batches, so one that does not fit into memory gives the same in two halves; in the mean alone
        with hard attention, whose baseline is made of the batch's other sentences.
        """
        try:
            sums = loss.forward_backward(
                self.model, batch, smoothing=self.config.label_smoothing, device=self.device, passes=self.passes
            )
        except (RuntimeError, MemoryError) as error:
            if len(batch.src) == 1 or not runtime.is_out_of_memory(error):
                raise
            self.optimizer.discard()
        else:
            self.optimizer.add()
            return torch.stack(sums)
        self.splits += 1  # outside of `except`, whose traceback would keep the tensors of the failed attempt
        middle = len(batch.src) // 2
        halves = (Batch(*(side[rows] for side in batch)) for rows in (slice(middle), slice(middle, None)))
        return sum(map(self.add_gradient, halves))

    def copy_first(self) -> None:
        """Take over the first rank's weights and moments."""
        self.ranks.copy_first([*self.optimizer.masters.values(), *self.optimizer.state().values()])
        self.optimizer.refresh()


def _seed(*parts: int) -> int:
    """One seed that mixes the parts."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0]) >> 1
