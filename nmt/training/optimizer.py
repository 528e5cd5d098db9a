"""AdamW on float32 master weights, whatever the model computes in (Loshchilov & Hutter 2019; Micikevicius 2018).

    g = sum of the batches' gradients / tokens,   g <- g min(1, clip / |g|)
    m <- b1 m + (1 - b1) g,   v <- b2 v + (1 - b2) g^2
    w <- w - lr (m_ / (sqrt(v_) + epsilon) + weight_decay w),   m_ = m / (1 - b1^t),  v_ = v / (1 - b2^t)

A bfloat16 number has 8 significant bits: a weight of 1 would ignore every update below 0.002. So the model's bfloat16
weights are rounded copies of masters, and gradients are summed, clipped and applied in float32. A float32 model is its
own master. Matrices may be Muon's instead (nmt.training.muon).
"""

import torch
from torch import Tensor, nn

from nmt.config import TrainingConfig
from nmt.errors import NMTError
from nmt.training.muon import Muon, matrices

MOST_SKIPPED = 20
"""Updates in a row whose gradient may be infinite or not a number before training gives up."""


class Optimizer:
    """Owns the masters of a model's weights. One update: `add` after each batch's backward pass, then `step`."""

    def __init__(self, model: nn.Module, config: TrainingConfig, precision: torch.dtype):
        """Turns the float32 `model` to `precision`; its weights so far become the masters."""
        working = dict(model.named_parameters())  # each tied tensor once
        self.masters = {name: weight.detach() for name, weight in working.items()}
        self.trained = {name: self.masters[name] for name, weight in working.items() if weight.requires_grad}
        """The masters of what is not frozen: no other has a gradient, moments or an average."""
        self.working = list(working.values())
        self.learning = [weight for weight in self.working if weight.requires_grad]
        self.mixed = precision != torch.float32
        if self.mixed:  # else not even called: on a GPU recurrent layers move their weights whenever they are converted
            model.to(precision)
        self.clip = config.clip
        names = matrices(model) if config.optimizer == "muon" else set()
        self.muon = Muon(
            {name: master for name, master in self.trained.items() if name in names},
            momentum=config.momentum, weight_decay=config.weight_decay,
        )  # fmt: skip
        self.adam = _adam([master for name, master in self.trained.items() if name not in names], config)
        self.skipped, self.skipped_in_row = torch.zeros(2, device=self.working[0].device).unbind()

    def add(self) -> None:
        """Move the gradients of one batch from the model to the sum."""
        masters, gradients = list(self.trained.values()), [weight.grad for weight in self.learning]
        assert all(gradient is not None for gradient in gradients), "a weight takes no part in the loss"
        if masters[0].grad is None:
            for master, gradient in zip(masters, gradients, strict=True):
                master.grad = gradient.to(master.dtype)
        else:
            torch._foreach_add_([master.grad for master in masters], gradients)
        self.discard()

    def discard(self) -> None:
        """Forget the gradients of a batch that `add` has not seen."""
        for weight in self.working:
            weight.grad = None

    def gradients(self) -> list[Tensor]:
        """The sum so far, a tensor for each trained master; zeros before the first `add`."""
        for master in self.trained.values():
            if master.grad is None:
                master.grad = torch.zeros_like(master)
        return [master.grad for master in self.trained.values()]

    @torch.no_grad()
    def step(self, tokens: int, rate: float, *, loss: Tensor) -> tuple[Tensor, Tensor]:
        """Update by the summed gradient of `tokens` target tokens, whose loss is given.

        Returns two scalars on the device: the norm before clipping, and whether the loss and the gradient were finite.
        Where not, the counters `skipped` and `skipped_in_row` change and nothing else.
        """
        gradients = self.gradients()
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))) / tokens
        good = norm.isfinite() & loss.isfinite()
        bad = (~good).float()
        self.skipped += bad
        self.skipped_in_row.add_(1).mul_(bad)
        clipping = 1.0 if self.clip is None else self.clip / norm.clamp(min=self.clip)
        torch._foreach_mul_(gradients, clipping / tokens)
        self._apply(bad, rate)
        self.forget()
        return norm, good

    def forget(self) -> None:
        """Begin a new sum."""
        for master in self.trained.values():
            master.grad = None

    def _apply(self, bad: Tensor, rate: float) -> None:
        for group in self.adam.param_groups:
            group["lr"] = rate
        if self.adam.defaults["fused"]:
            self.adam.found_inf = bad  # looked at on the device, so that nothing waits for the norm
        elif bad:
            return
        self.adam.step()
        self.muon.step(rate, bad=bad)
        if self.mixed:
            self.refresh()

    @torch.no_grad()
    def refresh(self) -> None:
        """Copy the masters into the model."""
        torch._foreach_copy_(self.working, list(self.masters.values()))

    def count_skipped(self) -> int:
        """Updates without effect so far. Waits for the device: once in a while is enough.

        Raises NMTError when there were too many in a row.
        """
        if self.skipped_in_row.item() >= MOST_SKIPPED:
            raise NMTError(
                f"training broke down: loss or gradient of {int(self.skipped_in_row)} updates in a row were not finite",
                hint="the best model so far, if there is one, is kept; train anew with a lower training.lr, a longer "
                "training.warmup or training.precision=float32",
            )
        return int(self.skipped.item())

    def state(self) -> dict[str, Tensor]:
        """All that a checkpoint needs besides the masters, by name; filled in again by copying into these tensors."""
        state = {"skipped": self.skipped, "skipped_in_row": self.skipped_in_row}
        state |= {f"momentum.{name}": mean for name, mean in self.muon.means.items()}
        for name, master in self.trained.items():
            if name in self.muon.means:
                continue
            of_master = self.adam.state[master]
            state |= {f"updates.{name}": of_master["step"], f"mean.{name}": of_master["exp_avg"]}
            state[f"square.{name}"] = of_master["exp_avg_sq"]
        return state


def _adam(weights: list[Tensor], config: TrainingConfig) -> torch.optim.AdamW:
    """Matrices decay; biases and the scales of normalisations, which are vectors, do not."""
    groups = [
        {"params": [weight for weight in weights if weight.dim() >= 2], "weight_decay": config.weight_decay},
        {"params": [weight for weight in weights if weight.dim() < 2], "weight_decay": 0.0},
    ]
    device = weights[0].device
    fused = _has_fused_kernel(device)
    groups = [group for group in groups if group["params"]]
    adam = torch.optim.AdamW(groups, betas=config.betas, eps=config.epsilon, fused=fused)
    for weight in weights:  # as AdamW itself would at the first step, so that a checkpoint always has them
        step = torch.zeros((), device=device if fused else "cpu")
        adam.state[weight] = {"step": step, "exp_avg": torch.zeros_like(weight), "exp_avg_sq": torch.zeros_like(weight)}
    return adam


def _has_fused_kernel(device: torch.device) -> bool:
    """Whether this torch updates all weights in one pass on the device: found out by trying."""
    weight = torch.zeros(1, device=device)
    weight.grad = torch.zeros(1, device=device)
    try:
        torch.optim.AdamW([weight], fused=True).step()
    except RuntimeError:
        return False
    return True
