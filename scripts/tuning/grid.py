"""Grids of settings: from the command line or a YAML file to single combinations."""

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from nmt.config import yaml
from nmt.data import sizes
from nmt.errors import NMTError

Grid = dict[str, list[Any]]
"""Setting -> the values to try."""


def combinations(grids: Sequence[Grid], typed: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Every combination of every grid, without repetition; without any grid one that changes nothing."""
    found = []
    for grid in [*grids, *map(_parse, typed)] or [{}]:
        for values in product(*grid.values()):
            settings = dict(zip(grid, values, strict=True))
            if settings not in found:
                found.append(settings)
    return found


def _parse(texts: Sequence[str]) -> Grid:
    grid = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not (name and equals and values):
            raise NMTError(f"--grid {text}: is not SETTING=VALUE,VALUE", hint="for example --grid lr=1e-3,2e-3")
        grid[name] = [yaml.parse(value, f"--grid {text}") for value in values.split(",")]
    return _checked(grid, "--grid")


def read_plan(path: str) -> dict[sizes.Family, list[Grid]]:
    """The grids per family in a YAML file."""
    plan = yaml.read(Path(path))
    try:
        if not isinstance(plan, dict) or plan.keys() - sizes.TABLE.keys():
            raise NMTError(f"{path}: expected a mapping of {', '.join(sizes.TABLE)}")
        return {family: [_checked(grid, path) for grid in grids] for family, grids in plan.items()}
    except NMTError as error:
        raise argparse.ArgumentTypeError(error.message) from error


def _checked(grid: Grid, name: str) -> Grid:
    known = ("vocabulary", *sizes.Sizes._fields)
    for setting, values in grid.items():
        if setting not in known and "." not in setting:
            raise NMTError(
                f"{name}: unknown setting {setting}",
                hint=f"use {', '.join(known)}, or a setting of the config with its section",
            )
        if not isinstance(values, list):
            raise NMTError(f"{name}: {setting} needs a list of values, not {values!r}")
    return grid
