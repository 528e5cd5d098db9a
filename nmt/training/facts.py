"""What is known about a run: for the first line of its log and for the model card."""

from typing import Any

import torch

from nmt import bundle
from nmt.config import Config
from nmt.data.prepare import Prepared
from nmt.models.base import Seq2Seq
from nmt.training.state import State
from nmt.version import __version__

Facts = dict[str, Any]


def of_run(
    config: Config, prepared: Prepared, model: Seq2Seq, precision: torch.dtype, machine: dict[str, str | int]
) -> Facts:
    """What does not change while training."""
    lengths = prepared.train.lengths[: prepared.report.train.pairs]  # without augmented copies
    return {
        "nmt": __version__,
        "source_language": config.data.source_language, "target_language": config.data.target_language,
        "model": config.model.type, "parameters": sum(weight.numel() for weight in model.parameters()),
        "vocabulary": {side: getattr(prepared.tokenizers, side).size for side in ("source", "target")},
        "data": {
            "pairs": len(lengths), "source_pieces": int(lengths[:, 0].sum()), "target_pieces": int(lengths[:, 1].sum()),
            "dev_pairs": len(prepared.dev),
        },
        "tags": list(prepared.tokenizers.source.tags),
        "tagged": all(text.tag is not None for text in config.data.texts),
        "seed": config.training.seed, "digest": bundle.digest(config),
        "precision": str(precision).removeprefix("torch."), "machine": machine,
        "finetuned": finetuned(config),
        "settings": _settings(config),
    }  # fmt: skip


def _settings(config: Config) -> dict[str, Any]:
    """What a bundle's config does not hold, but for the places of files."""
    found = config.model_dump(mode="json", include={"data": {"cleaning", "augment"}, "training": True})
    if len(config.data.texts) > 1:
        found["data"]["train"] = [{"tag": text.tag, "weight": text.weight} for text in config.data.texts]
    return found


def finetuned(config: Config) -> Facts | None:
    """From what, and what stayed frozen; None for a model that began with random weights."""
    given = config.finetune
    if given is None:
        return None
    return {"name": bundle.name_of(given.model), "checksum": given.checksum, "frozen": list(given.freeze)}


def card(run: Facts, state: State) -> Facts:
    """The model card: what does not change, how far training came, and the scores of the model that is shipped."""
    training = {
        "steps": state.step, "epochs": state.epoch, "target_tokens": state.target_tokens,
        "minutes": round(state.seconds / 60, 2),
    }  # fmt: skip
    return {**run, "training": training, "dev": state.best}
