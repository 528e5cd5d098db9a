"""Which models another engine can run, by the config alone: asked before the training, and again by `nmt export`."""

from typing import Literal

from nmt.config.model import ModelConfig, TransformerConfig

Export = Literal["ctranslate2"]


def obstacle(model: ModelConfig) -> str | None:
    """Why CTranslate2 cannot run a model; None when it can, as with every Transformer that there is here."""
    if isinstance(model, TransformerConfig):
        return None
    return "CTranslate2 runs Transformers and no recurrent models: set model.type to transformer"
