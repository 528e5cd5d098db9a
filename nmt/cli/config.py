"""nmt config: the config with every default filled in, all settings there are, or the kinds of attention."""

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from nmt.cli import lines, terminal
from nmt.cli.common import command

if TYPE_CHECKING:
    from nmt.config import Config
    from nmt.config.reference import Setting


@command
def config(
    path: Annotated[Path | None, typer.Argument(metavar="CONFIG", help="The config file.", show_default=False)] = None,
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Replace settings.")] = None,
    every: Annotated[
        bool, typer.Option("--settings", help="Print every setting there is: default, choices, what it does.")
    ] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema, for an editor.")] = False,
    attention: Annotated[
        bool, typer.Option("--attention", help="Print the kinds of attention, and which refuse each other.")
    ] = False,
) -> None:
    """Check a config and print it with every default filled in.

    Of a config for `nmt finetune` the model is asked for what it does not name.
    """
    from nmt import config as settings
    from nmt.errors import ConfigError

    if every:
        terminal.result("\n".join(_settings()))
    elif schema:
        terminal.result(json.dumps(settings.schema(), indent=2, ensure_ascii=False))
    elif attention:
        terminal.result("\n".join(_table()))
    elif path is None:
        hint = "nmt config CONFIG, nmt config --settings or nmt config --attention"
        raise ConfigError("no config is named", hint=hint)
    else:
        checked = _load(path, overrides or [])
        terminal.result(settings.dump(checked).rstrip("\n"))
        lines.note_idle(checked)


def _load(path: Path, overrides: list[str]) -> "Config":
    from nmt import config as settings

    given = settings.read(path, overrides)
    finetune = given.get("finetune")
    if isinstance(finetune, dict) and "checksum" not in finetune:  # which a run fills in, with the model's own settings
        from nmt import training

        return training.configure(path, overrides)
    return settings.check(settings.Config, given, name=str(path), folder=path.absolute().parent)


def _settings() -> Iterator[str]:
    """Every setting as it stands in a config with its default, and its help text below."""
    from nmt.config.reference import described

    for section in described():
        if section.places != ("",):
            yield f"{' and '.join(section.places)}    {section.line}"
        for setting in section.settings:
            yield f"  {setting.name}: {_default(setting)}"
            if setting.line:
                yield fill(setting.line, 110, initial_indent=" " * 6, subsequent_indent=" " * 6)
        yield ""


def _default(setting: "Setting") -> str:
    """With the choices, if there are any."""
    default, choices = setting.default, setting.choices
    if len(choices) == 1:
        return choices[0]
    if default is ...:
        return "..."
    shown = default if isinstance(default, str) else json.dumps(default)
    return f"{shown}    ({' | '.join(choices)})" if choices else shown


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
