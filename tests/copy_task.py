"""A task that a tiny model learns in seconds: the target is the source, words of one letter each."""

import random
from pathlib import Path

from nmt import config as settings
from nmt.config import Config

SETTINGS = {
    "data": {
        "source_language": "a", "target_language": "b", "train": {"source": "train.txt", "target": "train.txt"},
        "dev": {"source": "dev.txt", "target": "dev.txt"}, "cleaning": {"identical": False, "duplicates": False},
        "overlap": "keep", "augment": None,
    },
    "tokenizer": {
        "kind": "char", "vocabulary": 20, "protect": [], "spare": 0, "byte_fallback": False, "character_coverage": 1.0,
    },
    "model": {
        "type": "transformer", "width": 32, "heads": 2, "feed_forward": 64, "encoder_layers": 1, "decoder_layers": 1,
        "max_length": 20,
    },
    "training": {"precision": "float32", "batch_tokens": 512, "lr": 5e-3, "schedule": "inverse_sqrt", "warmup": 50,
                 "evaluate_every": 100},
}  # fmt: skip


def write_text(folder: Path, *, pairs: int = 1500) -> None:
    """train.txt and dev.txt."""
    draw = random.Random(1)
    for name, count in (("train", pairs), ("dev", 12)):
        lines = (" ".join(draw.choices("abcdefgh", k=draw.randint(2, 6))) for _ in range(count))
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def config_of(folder: Path, *, run: str = "run", **sections: dict) -> Config:
    """The config of a run in `folder`; `sections` replace single settings."""
    if not (folder / "train.txt").exists():
        write_text(folder)
    return settings.check(Config, value_of(run=run, **sections), name="copy task", folder=folder)


def value_of(*, run: str = "run", **sections: dict) -> dict:
    """The same as a plain value, for a YAML file."""
    known = {name: {**value, **sections.get(name, {})} for name, value in SETTINGS.items()}
    return {"run": run, **sections, **known}
