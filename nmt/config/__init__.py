"""Every setting and every default of a run. YAML in, one checked and frozen `Config` out."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nmt.config import yaml
from nmt.config.augment import AugmentConfig
from nmt.config.data import CleaningConfig, DataConfig, HeldOut, ParallelText, TrainingText
from nmt.config.faults import combinations, describe
from nmt.config.finetune import FinetuneConfig
from nmt.config.model import AttentionRNNConfig, GRUConfig, ModelConfig, NTMConfig, TransformerConfig
from nmt.config.paths import Typed
from nmt.config.run import Config
from nmt.config.search import SearchConfig
from nmt.config.section import Section
from nmt.config.tokenizer import TokenizerConfig
from nmt.config.training import TrainingConfig
from nmt.errors import ConfigError

__all__ = [
    "AttentionRNNConfig", "AugmentConfig", "CleaningConfig", "Config", "DataConfig", "FinetuneConfig", "GRUConfig",
    "HeldOut", "ModelConfig", "NTMConfig", "ParallelText", "SearchConfig", "Section", "TokenizerConfig",
    "TrainingConfig", "TrainingText", "TransformerConfig", "check", "digest", "dump", "flat", "load", "read", "schema",
]  # fmt: skip


def load(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read and check a config file. `overrides` are `dotted.key=value` strings, the value in YAML.

    Raises ConfigError that lists every fault with its path and a hint.
    """
    return check(Config, read(path, overrides), name=str(path), folder=Path(path).absolute().parent)


def read(path: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """A config file with its overrides as a plain value, not checked yet. Raises ConfigError for what is none."""
    value = yaml.read(Path(path))
    if not isinstance(value, dict):
        raise ConfigError(
            f"{path}: a config is a mapping of sections (run, data, tokenizer, model, training, search)",
            hint="`nmt init` writes a config for your text",
        )
    for text in overrides:
        _override(value, text)
    return value


def check(section: type[Section], value: Any, *, name: str, folder: Path | None = None) -> Any:
    """A plain value as a checked section; faults are blamed on `name`, paths taken relative to `folder`."""
    value, context = _native(value), {"folder": folder} if folder else None
    try:
        checked = section.model_validate(value, context=context)
        faults = list(combinations(checked))
    except ValidationError as error:
        faults = describe(error, section, value, context)
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        lines = "".join(f"\n  {line}" for line in faults)
        described = "`nmt config --settings` describes every setting"
        if any(line.startswith("model") for line in faults):
            described += ", `nmt config --attention` what of a model's attention goes together"
        raise ConfigError(f"{name}: {count}{lines}", hint=described)
    return checked


def _native(value: Any) -> Any:
    """YAML's values as sections take them, which convert nothing: 1e4 steps are 10000, and a list never changes."""
    if isinstance(value, dict):
        return {key: _native(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return tuple(map(_native, value))
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**63 else value


def _override(value: dict, text: str) -> None:
    key, equals, typed = text.partition("=")
    parts = key.split(".")
    if not equals or not all(parts):
        raise ConfigError(f"{text}: an override is key=value", hint="for example training.lr=1e-3")
    for depth, part in enumerate(parts[:-1]):
        value = value.setdefault(part, {})
        if not isinstance(value, dict):
            place = ".".join(parts[: depth + 1])
            raise ConfigError(f"{text}: {place} is a value and holds no keys", hint=f"make {place} a section first")
    value[parts[-1]] = _typed(yaml.parse(typed, text))


def _typed(value: Any) -> Any:
    """Mark the strings, so that paths among them are taken relative to the current folder."""
    if isinstance(value, dict):
        return {key: _typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_typed(inner) for inner in value]
    return Typed(value) if isinstance(value, str) else value


def dump(section: Section) -> str:
    """The section as YAML with every default filled in."""
    return yaml.dump(section.model_dump(mode="json"))


def flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested sections as dotted keys; in a list of sections counted from 0: data.train[0].weight."""
    found = {}
    for key, inner in value.items():
        if isinstance(inner, list) and any(isinstance(each, dict) for each in inner):
            found |= flat({f"{key}[{number}]": each for number, each in enumerate(inner)}, prefix)
        else:
            found |= flat(inner, f"{prefix}{key}.") if isinstance(inner, dict) else {f"{prefix}{key}": inner}
    return found


def digest(*settings: Section | str) -> str:
    """12 hexadecimal digits that name sections' settings, whatever the order of keys in the file, and single ones."""
    text = json.dumps(settings, default=lambda section: section.model_dump(mode="json"), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def schema() -> dict:
    """The JSON Schema of a config, for editors."""
    return Config.model_json_schema()
