"""The shared form of a trained model: a folder that needs nothing beside it, and in which nothing can be executed.

    model.safetensors     float32 weights, tied ones once
    source.model          the tokenizer of each side, with its vocabulary and its normalisation
    target.model
    tags.json             ids of the tags that may stand before a source; bundles of before have none
    config.yaml           BundleConfig: what it takes to translate
    SHA256SUMS            what these files held when they were written
    card.json, README.md  where the model comes from and how good it is, for programs and for people

An exported model (see nmt/export) is a bundle with another engine's files in the place of the weights. What is not the
weights is read without torch.
"""

from nmt.bundle.form import CONFIG, DESCRIPTIONS, README, WEIGHTS, Bundle, BundleConfig, Description
from nmt.bundle.place import locate, name_of, unchanged, version
from nmt.bundle.reading import load, load_model, read
from nmt.bundle.writing import describe, digest, save, seal

__all__ = [
    "CONFIG", "DESCRIPTIONS", "README", "WEIGHTS", "Bundle", "BundleConfig", "Description",
    "describe", "digest", "load", "load_model", "locate", "name_of", "read", "save", "seal", "unchanged", "version",
]  # fmt: skip
