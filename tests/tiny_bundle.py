"""A bundle with fresh weights: its translations mean nothing, but they are the same every time."""

from collections.abc import Sequence
from pathlib import Path

import torch

from nmt import bundle, files
from nmt.config import Config, TokenizerConfig, check
from nmt.config.sources import SourcesConfig
from nmt.data.tokenizer import Tokenizers
from nmt.data.tokenizer_training import train_tokenizer
from nmt.models import build

TEXT = [
    "A man in an orange hat is starring at something.",
    "Two young, white males are outside near many bushes.",
    "Is anyone there? No. Nobody.",
    "A little girl climbing into a wooden playhouse.",
]
MODEL = {"type": "transformer", "width": 16, "heads": 2, "feed_forward": 16, "encoder_layers": 1, "decoder_layers": 1}
SOURCES = SourcesConfig(length=1000, several=1.0)  # so that only lines which are too long are split
NO_SCORE = {"value": 0.0, "signature": ""}
FACTS = {
    "nmt": "0", "source_language": "en", "target_language": "en", "model": "transformer", "parameters": 1,
    "vocabulary": {"source": 330, "target": 330}, "seed": 1, "digest": "0", "precision": "float32", "settings": {},
    "machine": {
        "device": "cpu", "threads": 1, "cores": 1, "python": "3", "torch": torch.__version__, "platform": "linux",
    },
    "data": {"pairs": 1, "source_pieces": 1, "target_pieces": 1, "dev_pairs": 1},
    "training": {"steps": 1, "epochs": 1, "target_tokens": 1, "minutes": 0.1},
    "dev": {"step": 1, "loss": 1.0, "perplexity": 2.7, "bleu": NO_SCORE, "chrf": NO_SCORE},
}  # fmt: skip


def save(
    folder: Path, *, scale: float = 2, tags: Sequence[str] = (), protect: Sequence[str] = (), **model
) -> Path:  # fmt: skip
    """Write the bundle. `model` replaces settings of MODEL, or with another `type` all of them.

    Without tied source embeddings there are two tokenizers of two sizes. Slots are reserved for as many `tags`, symbols
    for the spans to `protect`. The guard against loops is off, as a model that learned nothing loops all the time.
    """
    shared = {"tied_embeddings": "all", **model}["tied_embeddings"] == "all"
    text = {"source": "a", "target": "b"}
    tokenizing = {"vocabulary": 330 + len(tags), "spare": len(tags), "shared": shared}
    tokenizing |= {"source_normalisation": "identity", "split_digits": False, "protect": tuple(protect)}
    search = {"beam": 3, "max_length_factor": 0.5, "max_length_extra": 4, "repetition_guard": False}
    usual = MODEL if model.get("type", MODEL["type"]) == MODEL["type"] else {}
    value = {
        "run": str(folder), "data": {"source_language": "en", "target_language": "en", "train": text, "dev": text},
        "tokenizer": tokenizing, "model": {**usual, "max_length": 96, **model}, "search": search,
    }  # fmt: skip
    config = check(Config, value, name="test", folder=folder)
    source = train_tokenizer(TEXT * 5, TokenizerConfig(**tokenizing))
    smaller = TokenizerConfig(**{**tokenizing, "vocabulary": 320 + len(tags)})
    target = source if shared else train_tokenizer(TEXT * 5, smaller)
    torch.manual_seed(1)
    parameters = build(config.model, source.size, target.size).named_parameters()
    weights = {name: scale * each.detach() for name, each in parameters}
    tokenizers = Tokenizers(source, target).tagged(tags)
    bundle.save(folder, weights=weights, tokenizers=tokenizers, config=config, sources=SOURCES, facts=FACTS)
    return folder


def changed(path: Path, folder: Path, old: str, new: str) -> Path:
    """A copy of a bundle whose config says something else."""
    for each in path.iterdir():
        files.write_bytes(folder / each.name, each.read_bytes())
    text = (folder / bundle.CONFIG).read_text(encoding="utf-8")
    assert old in text
    files.write_text(folder / bundle.CONFIG, text.replace(old, new))
    bundle.seal(folder)
    return folder
