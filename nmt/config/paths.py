"""Paths in a config are relative to the config file; paths typed on the command line, to the current folder."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo


class Typed(str):
    """A string that was typed on the command line and not read from the config file."""


def _absolute(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str | Path):
        return value  # the type check that follows says what is wrong
    text = os.path.expanduser(value)
    if not text or "\0" in text:
        raise ValueError("a path must not be empty and must hold no NUL")
    base = Path.cwd() if isinstance(value, Typed) or not info.context else info.context["folder"]
    return Path(os.path.normpath(Path(base) / text))


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str | Path) else tuple(value) if isinstance(value, list) else value


ConfigPath = Annotated[Path, BeforeValidator(_absolute)]
ConfigPaths = Annotated[tuple[ConfigPath, ...], BeforeValidator(_several, json_schema_input_type=Path | list[Path])]
"""One path or a list of them."""
