"""Which models another engine can run, by the config alone: asked before the training, and again by `nmt export`."""

from typing import Literal

from nmt.config.model import ModelConfig, TransformerConfig

Export = Literal["ctranslate2"]

CTRANSLATE2 = {
    "score": ("scaled_dot",),
    "weighting": ("softmax",),
    "positions": ("none", "sinusoidal", "learned", "rotary"),
    "encoder_attention": ("full",),
    "decoder_attention": ("full",),
}
"""What it can compute, of settings that have more values than that."""


def obstacle(model: ModelConfig) -> str | None:
    """Why CTranslate2 cannot run a model; None when it can."""
    if not isinstance(model, TransformerConfig):
        return f"CTranslate2 runs Transformers, not {model.type}: set model.type to transformer"
    for setting, values in CTRANSLATE2.items():
        if (value := getattr(model, setting)) not in values:
            return f"CTranslate2 runs no Transformer with model.{setting}: {value}, but with {' or '.join(values)}"
    if (model.norm, model.init) == ("post", "deep"):
        return "CTranslate2 runs no Transformer with DeepNorm: set model.norm to pre, or model.init to xavier"
    return None
