"""The learning rate at update t = 1, 2, ... With w updates of warm-up, the horizon h and the peak rate lr:

    warm-up        rate(t) = lr t / w                                                    while t <= w
    inverse_sqrt   rate(t) = lr sqrt(w / t)                                              (Vaswani 2017, 5.3)
    cosine         rate(t) = min_lr + (lr - min_lr) (1 + cos(pi (t - w) / (h - w))) / 2  until t = h (Loshchilov 2017)
    plateau        rate(t) = lr multiplier, which shrinks when evaluations stop improving
    constant       rate(t) = lr

No rate after the warm-up is below min_lr. A new schedule is one more `case`, and its name in nmt/config/training.py.
"""

import math
from typing import NamedTuple

from nmt.config import TrainingConfig


class Plateau(NamedTuple):
    """What the plateau schedule remembers of the evaluations."""

    multiplier: float = 1.0
    waiting: int = 0
    """Evaluations since the last that was better, or since the last cut."""

    def after(self, better: bool, config: TrainingConfig) -> "Plateau":
        """After one more evaluation."""
        if better:
            return self._replace(waiting=0)
        if self.waiting + 1 < config.plateau_patience:
            return self._replace(waiting=self.waiting + 1)
        return Plateau(self.multiplier * config.plateau_factor)


def learning_rate(config: TrainingConfig, step: int, plateau: Plateau = Plateau()) -> float:
    """The rate of update `step`, counted from 1."""
    warmup = config.warmup_updates
    if step <= warmup:
        return config.lr * step / warmup
    match config.schedule:
        case "inverse_sqrt":
            rate = config.lr * math.sqrt(max(1, warmup) / step)
        case "cosine":
            done = min(1.0, (step - warmup) / (config.horizon - warmup))
            rate = config.min_lr + (config.lr - config.min_lr) * (1 + math.cos(math.pi * done)) / 2
        case "plateau":
            rate = config.lr * plateau.multiplier
        case "constant":
            rate = config.lr
    return max(rate, config.min_lr)
