"""Parallel text that a model wrote one side of: back-translation and sequence-level distillation."""

from nmt.synthesis.backtranslation import backtranslate
from nmt.synthesis.corpus import Made
from nmt.synthesis.distillation import distill

__all__ = ["Made", "backtranslate", "distill"]
