"""nmt config: the config with every default filled in, or its JSON Schema."""

import json
from pathlib import Path
from typing import Annotated

import typer

from nmt.cli.common import Common, command


@command
def config(
    common: Common,
    path: Annotated[Path | None, typer.Argument(metavar="CONFIG", help="The config file.", show_default=False)] = None,
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Replace settings.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema, for an editor.")] = False,
) -> None:
    """Check a config and print it with every default filled in."""
    from nmt import config as settings
    from nmt.errors import ConfigError

    if schema:
        typer.echo(json.dumps(settings.schema(), indent=2, ensure_ascii=False))
    elif path is None:
        raise ConfigError("no config is named", hint="nmt config CONFIG, or nmt config --schema")
    else:
        typer.echo(settings.dump(settings.load(path, overrides or [])), nl=False)
