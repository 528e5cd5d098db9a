"""Averages of the weights along the training's path, which generalise better than its last point.

    ema    a <- d a + (1 - d) w  after update t,    d = min(decay, (1 + t) / (10 + t))   (cf. Polyak & Juditsky 1992)
    last   a = mean of the weights at the last n evaluations                              (Vaswani 2017, 6.1)

The growing d, TensorFlow's ExponentialMovingAverage with num_updates, lets the average forget the untrained weights
quickly; Polyak and Juditsky weigh all alike.
"""

import torch
from torch import Tensor

from nmt import tensors
from nmt.config import TrainingConfig

Weights = dict[str, Tensor]


class Average:
    """The weights that are evaluated and shipped: an average, or without one the weights themselves."""

    def __init__(self, weights: Weights, config: TrainingConfig):
        """`weights` are the float32 masters, looked at again at each call."""
        self._weights, self._config = weights, config
        self._ema = _copy(weights) if config.average == "ema" else {}
        self._snapshots: list[Weights] = []  # of the last n - 1 evaluations

    @torch.no_grad()
    def update(self, step: int) -> None:
        """After update `step`, counted from 1."""
        if self._ema:
            decay = min(self._config.ema_decay, (1 + step) / (10 + step))
            torch._foreach_lerp_(list(self._ema.values()), list(self._weights.values()), 1 - decay)

    def current(self) -> Weights:
        """What to evaluate now."""
        if self._config.average == "last":
            return mean([*self._snapshots, self._weights])
        return self._ema or self._weights

    def evaluated(self) -> None:
        """An evaluation is done: later ones that average the last n include the weights of this one."""
        if self._config.average == "last":
            self._snapshots = [*self._snapshots, _copy(self._weights)][1 - self._config.average_last :]

    def state(self) -> Weights:
        """All that a checkpoint needs."""
        numbered = {f"{i}/{name}": tensor for i, each in enumerate(self._snapshots) for name, tensor in each.items()}
        return numbered | {f"ema/{name}": tensor for name, tensor in self._ema.items()}

    def load(self, state: Weights, *, name: str) -> None:
        """Take up what `state` returned. Raises CheckpointError, blaming `name`, when it does not fit the config."""
        count = len(state) // len(self._weights) if self._config.average == "last" else 0
        self._snapshots = [_copy(self._weights) for _ in range(count)]
        tensors.fill(self.state(), state, name=name)


@torch.no_grad()
def mean(points: list[Weights]) -> Weights:
    """The mean of each tensor over the points."""
    total = _copy(points[0])
    for point in points[1:]:
        torch._foreach_add_(list(total.values()), [point[name] for name in total])
    torch._foreach_div_(list(total.values()), len(points))
    return total


def _copy(weights: Weights) -> Weights:
    return {name: tensor.detach().clone() for name, tensor in weights.items()}
