"""When an update's loss is far from usual.

    spike      l > m + 6 sqrt(v)
    then       v <- d (v + (1 - d) (l - m)^2),   m <- m + (1 - d) (l - m),   d = 0.98

with l the loss a target token of an update; m and v follow its mean and variance (West 1979, exponentially weighted).
"""

import math
from typing import NamedTuple

DECAY, DEVIATIONS, WARMUP = 0.98, 6.0, 100
"""d, the deviations that make a spike, and the updates until m and v are to be relied on."""


class Usual(NamedTuple):
    """What the losses so far let expect."""

    mean: float = 0.0
    variance: float = 0.0
    count: int = 0

    def is_spike(self, loss: float) -> bool:
        """Whether the next update's loss stands out."""
        return self.count >= WARMUP and loss > self.mean + DEVIATIONS * math.sqrt(self.variance)

    def after(self, loss: float) -> "Usual":
        """With one more update."""
        if not self.count:
            return Usual(loss, 0.0, 1)
        away = loss - self.mean
        variance = DECAY * (self.variance + (1 - DECAY) * away**2)
        return Usual(self.mean + (1 - DECAY) * away, variance, self.count + 1)
