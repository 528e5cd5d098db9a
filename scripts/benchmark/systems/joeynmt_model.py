"""Joey NMT's own Transformer of the job's sizes, and our ids as Joey counts them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from joeynmt.batch import Batch
from joeynmt.model import Model, build_model
from joeynmt.vocabulary import Vocabulary

UNK, PAD, BOS, EOS = range(4)
"""Joey's special ids; ours are the same four, each one lower, with UNK at the end."""


def theirs(ids: np.ndarray) -> np.ndarray:
    """Our ids -> Joey's."""
    return np.where(ids < 4, (ids + 1) % 4, ids)


def ours(ids: np.ndarray) -> np.ndarray:
    """Joey's ids -> ours."""
    return np.where(ids < 4, (ids - 1) % 4, ids)


def build(sizes: dict[str, Any], vocabulary: int) -> Model:
    """A model with fresh weights."""
    shared = {
        "type": "transformer", "num_heads": sizes["heads"], "hidden_size": sizes["width"],
        "ff_size": sizes["feed_forward"], "dropout": sizes["dropout"], "layer_norm": "pre", "activation": "relu",
        "embeddings": {"embedding_dim": sizes["width"], "scale": True, "dropout": sizes["dropout"]},
    }  # fmt: skip
    symbols = SimpleNamespace(
        unk_token="<unk>", pad_token="<pad>", bos_token="<s>", eos_token="</s>", sep_token=None, lang_tags=[],
        unk_id=UNK, pad_id=PAD, bos_id=BOS, eos_id=EOS, sep_id=None,
    )  # fmt: skip
    words = Vocabulary([f"w{number}" for number in range(4, vocabulary)], symbols)
    described = {
        "initializer": "xavier_uniform", "embed_initializer": "normal", "embed_init_weight": sizes["width"] ** -0.5,
        "tied_embeddings": True, "tied_softmax": True,
        "encoder": {**shared, "num_layers": sizes["encoder_layers"]},
        "decoder": {**shared, "num_layers": sizes["decoder_layers"]},
    }  # fmt: skip
    return build_model(described, words, words)


def batch(src: np.ndarray, tgt: np.ndarray | None, device: torch.device) -> Batch:
    """Rows of our ids, source [B, S] and target [B, T] from BOS to EOS, as what Joey's models see."""
    source = torch.from_numpy(theirs(src))
    return Batch(
        src=source, src_length=(source != PAD).sum(1), src_prompt_mask=None,
        trg=None if tgt is None else torch.from_numpy(theirs(tgt)), trg_prompt_mask=None,
        indices=torch.arange(len(source)), device=device, pad_index=PAD, eos_index=EOS, is_train=tgt is not None,
    )  # fmt: skip
