"""A small parallel text and its config, written to a folder."""

import random
from collections.abc import Iterable
from pathlib import Path

from nmt import config as settings
from nmt.config import AugmentConfig, Config

WORDS = (
    ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"],
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
)

NO_COPIES = dict.fromkeys(AugmentConfig.model_fields, 0)
"""A section `data.augment` that leaves the corpus as its text is."""


def sentences(count: int, *, seed: int = 1) -> list[tuple[str, str]]:
    """Spelled numbers: all different, German and English."""
    chance = random.Random(seed)
    numbers = chance.sample(range(10**4, 10**8), count)
    return [tuple(" ".join(words[int(digit)] for digit in str(number)) for words in WORDS) for number in numbers]


def write(folder: Path, name: str, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Two files; -> their place in a config."""
    sides = list(zip(*pairs, strict=True)) or [(), ()]
    for suffix, lines in zip(("de", "en"), sides, strict=True):
        (folder / f"{name}.{suffix}").write_bytes("".join(f"{line}\n" for line in lines).encode())
    return {"source": str(folder / f"{name}.de"), "target": str(folder / f"{name}.en")}


def toy_config(folder: Path, pairs: Iterable[tuple[str, str]], *, data: dict | None = None, **sections) -> Config:
    """A config of three splits: 20 development and 10 test pairs beside `pairs`."""
    value = {
        "run": str(folder / "runs" / "toy"),
        "data": {
            "source_language": "de",
            "target_language": "en",
            "train": write(folder, "train", pairs),
            "dev": write(folder, "dev", sentences(20, seed=2)),
            "test": write(folder, "test", sentences(10, seed=3)),
            "augment": NO_COPIES,
            **(data or {}),
        },
        "tokenizer": {"vocabulary": 320, **sections.get("tokenizer", {})},
        "model": {"type": "gru", **sections.get("model", {})},
    }
    return settings.check(Config, value, name="toy")
