"""Label-smoothed cross entropy, over chunks of positions, so that the logits of a whole batch never exist at once.

    q_i(k) = (1 - eps) [k = y_i] + eps / V                                       (Szegedy 2016, section 7)
    loss   = -sum_i sum_k q_i(k) log p_i(k)
           = sum_i (1 - eps) nll_i + eps mean_k(-log p_i(k)),     nll_i = -log p_i(y_i)
    d loss / d logit_i(k) = p_i(k) - q_i(k)

Where a batch goes through the model twice (nmt.training.passes), p and r being what the two passes predict, there is
also a divergence, whose gradient goes to the logits of both:

    KL(p || r) = sum_k p(k) d(k),     d = log p - log r
    d KL / d logit of p = p (d - KL(p || r)),     d KL / d logit of r = r - p

Sums over the real target positions i, never means: whoever adds batches divides once, by what was really there.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nmt.data.batching import Batch
from nmt.dtypes import at_least_float32
from nmt.ids import PAD
from nmt.models.base import Cut, Seq2Seq
from nmt.training import choices
from nmt.training.passes import Passes, inputs

# B batch, T target, D width, V vocabulary, C chunk of positions

CHUNK = {"cpu": 1 << 23, "gpu": 1 << 26}
"""Logits that exist at once: enough for the matrix products to be worth their while."""
BLOCK = {"cpu": 1 << 18, "gpu": 1 << 26}
"""Logits whose softmax is computed at once: few enough for the processor's cache, as it is walked several times."""


ROUND = 64
"""Positions of a chunk are filled up to a multiple of this. For each new size of a matrix oneDNN compiles a kernel and
keeps it: after 100 updates of a bfloat16 Transformer the process takes 2.4 GB instead of 3.4."""


class Sums(NamedTuple):
    """Scalars on the model's device, summed over the target positions that are not padding."""

    loss: Tensor
    """Label-smoothed cross entropy in nats, without any divergence: of p, or in R-Drop the mean of both passes."""
    nll: Tensor
    """Negative log-likelihood in nats, of the same."""


def count(batch: Batch) -> int:
    """Target positions that are not padding, end marks included."""
    return int((batch.tgt_out != PAD).sum())


def forward_backward(
    model: Seq2Seq, batch: Batch, *, smoothing: float, device: torch.device, passes: Passes = Passes()
) -> Sums:
    """The batch's sums; the gradient of `loss` and of the divergence is added to the parameters' `.grad`.

    Each chunk runs forward and backward at once, down to a gradient of the hidden states that the model's own backward
    pass starts from.
    """
    targets, positions = _targets(batch, device)
    src, tgt_in, cut = inputs(batch, passes)
    cut = Cut(*(each if each is None else _moved(each, device) for each in cut))
    decoded = model(_moved(src, device), _moved(tgt_in, device), cut)
    hidden = decoded.hidden.flatten(0, 1)  # [passes*B*T, D]
    leaf, gradient = hidden.detach(), torch.zeros_like(hidden)
    each = None if decoded.choices is None else torch.zeros_like(decoded.choices)
    loss, nll, summed = [], [], {}
    for where, target in _chunks(model, hidden, positions, targets, passes.count):
        chunk = F.pad(leaf[where], (0, 0, 0, -len(where) % ROUND)).requires_grad_()
        logits = model.project(chunk)  # [C, V]
        sums, logits_gradient = cross_entropy(logits.detach(), target, smoothing=smoothing, passes=passes)
        logits.backward(logits_gradient)
        _move_gradients(model, summed)
        gradient[where] = chunk.grad[: len(where)]
        loss.append(sums.loss)
        nll.append(sums.nll)
        if each is not None:
            each.view(-1)[where] = choices.losses(logits[: len(where)].detach(), target, smoothing=smoothing)
    for weight, total in summed.items():
        weight.grad = total.to(weight.dtype)
    if each is None:
        hidden.backward(gradient)
    else:
        real = _moved(batch.tgt_out, device) != PAD
        gradients = [gradient, choices.gradient(each, real), -real.to(decoded.bonus.dtype)]
        torch.autograd.backward([hidden, decoded.choices, decoded.bonus], gradients)
    return Sums(torch.stack(loss).sum(), torch.stack(nll).sum())


def _move_gradients(model: Seq2Seq, summed: dict[Tensor, Tensor]) -> None:
    """Add the gradients of weights in bfloat16 to float32 sums: summed over 64 chunks in bfloat16 they are 1% wrong."""
    for weight in model.parameters():
        if weight.grad is not None and weight.dtype != (dtype := at_least_float32(weight.dtype)):
            summed[weight] = weight.grad.to(dtype) + summed.get(weight, 0)
            weight.grad = None


@torch.inference_mode()
def negative_log_likelihood(model: Seq2Seq, batch: Batch, *, device: torch.device) -> Tensor:
    """The sum of nll in nats, a scalar on the device, without gradients."""
    targets, positions = _targets(batch, device)
    hidden = model(_moved(batch.src, device), _moved(batch.tgt_in, device)).hidden.flatten(0, 1)
    sums = [
        F.cross_entropy(model.project(hidden[where]), target, reduction="sum")
        for where, target in _chunks(model, hidden, positions, targets)
    ]
    return torch.stack(sums).sum()


def cross_entropy(
    logits: Tensor, target: Tensor, *, smoothing: float, passes: Passes = Passes()
) -> tuple[Sums, Tensor]:
    """The sums over logits [passes*C, V] with targets [C], and the gradient of all, like the logits.

    Written out because autograd would keep and walk several [C, V] tensors; the softmax is never less than float32.
    Logits of more rows than there are targets have no say, and no gradient, in those.
    """
    gradient, count = torch.empty_like(logits), passes.count
    gradient[count * len(target) :] = 0
    rows = max(1, _rows(BLOCK, logits) // count)
    parts = [each[: count * len(target)].unflatten(0, (count, -1)).split(rows, 1) for each in (logits, gradient)]
    blocks = zip(parts[0], target[:, None].split(rows), parts[1], strict=True)
    if count == 1:
        sums = [_cross_entropy(one[0], goal, slope[0], smoothing) for one, goal, slope in blocks]
    else:
        sums = [_consistency(both, goal, slopes, smoothing, passes) for both, goal, slopes in blocks]
    loss, nll = zip(*sums, strict=True)
    return Sums(torch.stack(loss).sum(), torch.stack(nll).sum()), gradient


def _cross_entropy(logits: Tensor, target: Tensor, gradient: Tensor, smoothing: float) -> Sums:
    """The sums over a block of logits [C, V] with targets [C, 1]; fills in its gradient."""
    log_p = _log_softmax(logits)
    sums = _sums(log_p, target, smoothing)
    p = log_p.exp_()  # in the place of log p, and then p - q in the place of p
    _take_off_target(p, target, smoothing)
    gradient.copy_(p)
    return sums


def _consistency(logits: Tensor, target: Tensor, gradient: Tensor, smoothing: float, passes: Passes) -> Sums:
    """The same of two passes [2, C, V] that are held to each other."""
    log_p = _log_softmax(logits)
    sums = [_sums(each, target, smoothing) for each in log_p]
    p = log_p.exp()
    for mine, other in ((0, 1), (1, 0)):
        # share (p - q) + pull p (d - KL(p || r)) + counterpull (p - r), the last from KL(r || p)
        share, pull, counterpull = passes.shares[mine], passes.pulls[mine], passes.pulls[other]
        slope = p[mine] * (share + counterpull)
        slope.sub_(p[other], alpha=counterpull)
        if pull:
            lead = log_p[mine] - log_p[other]
            slope.addcmul_(p[mine], lead - (p[mine] * lead).sum(-1, keepdim=True), value=pull)
        if share:
            _take_off_target(slope, target, smoothing, share)
        gradient[mine].copy_(slope)
    first, second = passes.shares
    return Sums(*(first * p + second * q for p, q in zip(*sums, strict=True)))


def _log_softmax(logits: Tensor) -> Tensor:
    return torch.log_softmax(logits, -1, dtype=at_least_float32(logits.dtype))


def _sums(log_p: Tensor, target: Tensor, smoothing: float) -> Sums:
    nll = -log_p.gather(1, target).sum()
    return Sums((1 - smoothing) * nll - smoothing / log_p.size(1) * log_p.sum() if smoothing else nll, nll)


def _take_off_target(slope: Tensor, target: Tensor, smoothing: float, share: float = 1.0) -> None:
    """slope - share q, in its place."""
    if smoothing:
        slope -= share * smoothing / slope.size(1)
    slope.scatter_(1, target, slope.gather(1, target) + share * (smoothing - 1))


def _targets(batch: Batch, device: torch.device) -> tuple[Tensor, Tensor]:
    """The ids [N] that are not padding and their positions in B*T, found on the CPU: a GPU would have to wait for N."""
    flat = batch.tgt_out.flatten()
    positions = (flat != PAD).nonzero().squeeze(1)
    return _moved(flat[positions], device), _moved(positions, device)


def _moved(ids: Tensor, device: torch.device) -> Tensor:
    """Copies to a GPU start from pinned memory, so that nothing waits for what the GPU is still doing."""
    return ids.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else ids.to(device)


def _chunks(
    model: Seq2Seq, hidden: Tensor, positions: Tensor, targets: Tensor, passes: int = 1
) -> Iterator[tuple[Tensor, Tensor]]:
    """Positions, those of the second pass after those of the first, and the targets of one, as many at once as CHUNK
    allows."""
    with torch.no_grad():
        rows = _rows(CHUNK, model.project(hidden[:0])) // passes
        rows = max(1, rows // ROUND) * ROUND
    apart = len(hidden) // passes
    for where, target in zip(positions.split(rows), targets.split(rows), strict=True):
        yield torch.cat([where + number * apart for number in range(passes)]), target


def _rows(most: dict[str, int], logits: Tensor) -> int:
    """How many rows of [..., V] logits the device takes at once."""
    return max(1, most["cpu" if logits.device.type == "cpu" else "gpu"] // logits.size(-1))
