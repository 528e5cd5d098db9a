"""Train, run and compare sequence-to-sequence translation models.

    from nmt import Translator
    Translator.load("runs/x").translate(["Guten Morgen!"])

The names below are imported on first use, so that `import nmt` and `nmt --help` need no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from nmt.version import __version__

if TYPE_CHECKING:
    from nmt.decoding.translator import Translator
    from nmt.evaluation.compare import evaluate
    from nmt.synthesis import backtranslate, distill
    from nmt.training import finetune, train

__all__ = ["Translator", "__version__", "backtranslate", "distill", "evaluate", "finetune", "train"]

_HOMES = {
    "Translator": "nmt.decoding.translator", "backtranslate": "nmt.synthesis", "distill": "nmt.synthesis",
    "evaluate": "nmt.evaluation.compare", "finetune": "nmt.training", "train": "nmt.training",
}  # fmt: skip


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
