"""nmt config: the config with every default filled in, its JSON Schema, or the kinds of attention."""

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill
from typing import Annotated

import typer

from nmt.cli import lines
from nmt.cli.common import Common, command


@command
def config(
    common: Common,
    path: Annotated[Path | None, typer.Argument(metavar="CONFIG", help="The config file.", show_default=False)] = None,
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Replace settings.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema, for an editor.")] = False,
    attention: Annotated[
        bool, typer.Option("--attention", help="Print the kinds of attention, and which refuse each other.")
    ] = False,
) -> None:
    """Check a config and print it with every default filled in."""
    from nmt import config as settings
    from nmt.errors import ConfigError

    if schema:
        typer.echo(json.dumps(settings.schema(), indent=2, ensure_ascii=False))
    elif attention:
        typer.echo("\n".join(_table()))
    elif path is None:
        raise ConfigError("no config is named", hint="nmt config CONFIG, nmt config --schema or nmt config --attention")
    else:
        checked = settings.load(path, overrides or [])
        typer.echo(settings.dump(checked), nl=False)
        lines.note_idle(checked)


def _table() -> Iterator[str]:
    """The kinds of attention as lines; a star is at the default."""
    from nmt.config import yaml
    from nmt.config.attention import kinds

    for model in kinds():
        yield f"type: {model.type}    {model.line}"
        for setting in model.settings:
            shown = setting.name if setting.values else yaml.dump({setting.name: setting.default}).rstrip()
            yield f"  {shown:<23} {setting.line}"
            for value, line in setting.values.items():
                yield f"    {'*' if value == setting.default else ' '} {value:<17} {line}"
        for refused in model.refused:
            values = (f"{name}: {' | '.join(map(str, each))}" for name, each in refused.values.items())
            yield f"  refused: {', '.join(values)}"
            yield fill(refused.reason, 110, initial_indent=" " * 6, subsequent_indent=" " * 6)
        yield ""
