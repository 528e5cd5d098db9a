"""The gradient of what a model draws on its way, such as the one position that hard attention looks at.

    L  = E_a [ sum_t l_t ],    l_t the loss of target position t, given what was drawn up to it, a_1 .. a_t
    dL = E_a [ sum_t dl_t  +  sum_t (sum_{t'>=t} l_t' - b_t) d log p(a_t | a_<t) ]

The first sum is the gradient through what was drawn; the second, a score-function estimator (Williams 1992; Xu 2015,
4.1), makes likely what was good for the positions from t on. The baseline b_t knows nothing of this sentence's draws,
so that it changes the variance and not the mean: it is what the other sentences of the batch lose a position, times
the positions from t on.

Xu et al. subtract a moving average from the log-likelihood of the whole sentence. Here a draw answers only for what
comes after it, which is less noise for the same mean, and no average has to be saved between updates. In half of the
sentences they let the weights stand for the draw, which makes another loss of it; ours is always drawn.

As theirs, the loss has a bonus for the entropy H_t of what a_t is drawn from (eq. 11): sum_t l_t - lambda H_t. Without
it the weights settle on one position before it is known which are worth looking at: on the bundled corpus at the full
stop of every sentence.
"""

import torch.nn.functional as F
from torch import Tensor

from nmt.dtypes import at_least_float32
from nmt.layers.cumulative import cumulative_sum

# B batch, T target, V vocabulary, C chunk of positions


def losses(logits: Tensor, target: Tensor, *, smoothing: float) -> Tensor:
    """l_t: label-smoothed cross entropy of each position, logits [C, V] and targets [C] -> [C]."""
    logits = logits.to(at_least_float32(logits.dtype))
    return F.cross_entropy(logits, target, label_smoothing=smoothing, reduction="none")


def gradient(losses: Tensor, real: Tensor) -> Tensor:
    """d loss / d log p(a_t), [B, T]: l_t [B, T], zeros where the target is padding and not `real` [B, T].

    A sentence that is alone has no baseline.
    """
    real = real.to(losses.dtype)
    others = (losses.sum() - losses.sum(1)) / (real.sum() - real.sum(1)).clamp_min(1)
    return (_from_here_on(losses) - others[:, None] * _from_here_on(real)) * real


def _from_here_on(x: Tensor) -> Tensor:
    """sum_{t'>=t} x_t'"""
    return cumulative_sum(x.flip(1), 1).flip(1)
