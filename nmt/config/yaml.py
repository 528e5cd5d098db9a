"""YAML without PyYAML's traps: YAML 1.2's core types, so that `3e-4` is a number and `no` a word; no duplicate keys."""

import re
from pathlib import Path
from typing import Any

import yaml

from nmt.errors import ConfigError
from nmt.escapes import visible

LARGEST = 1 << 20
"""Bytes of a YAML file: a config has a few thousand, and a hundred times more would take minutes to parse."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udc7f\udd00-\udfff]")  # between: bytes of file names, PEP 383


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's core schema in place of 1.1's implicit types."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (the name and type are PyYAML's)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str):
                raise yaml.constructor.ConstructorError(None, None, f"key {name!r} is not a word", key.start_mark)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {name!r} occurs twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)

    def compose_node(self, parent, index):
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):  # a few nested aliases can stand for gigabytes
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not supported", event.start_mark)
        if event.tag:
            raise yaml.composer.ComposerError(None, None, f"tags ({event.tag}) are not supported", event.start_mark)
        return super().compose_node(parent, index)


_CORE = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9][0-9_]*", list("-+0123456789")),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}
for _tag, (_pattern, _first) in _CORE.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


def _integer(loader: _Loader, node: yaml.Node) -> int | float:
    text = loader.construct_scalar(node)
    number = float(text)  # as every number beyond 64 bits is
    return int(text) if abs(number) < 2**63 else number  # decimal always: YAML 1.1 reads 010 as 8


def _floating(loader: _Loader, node: yaml.Node) -> float:
    return float(loader.construct_scalar(node).lower().replace(".inf", "inf").replace(".nan", "nan"))


def _string(loader: _Loader, node: yaml.Node) -> str:
    text = loader.construct_scalar(node)
    if CONTROL.search(text):  # it would spoil messages, and half a surrogate pair fits into no file
        raise yaml.constructor.ConstructorError(None, None, f"{text!r} holds a control character", node.start_mark)
    return text


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:str", _string)
_Loader.add_constructor("tag:yaml.org,2002:float", _floating)


def parse(text: str, name: str) -> Any:
    """The value that a YAML text stands for; `name` is the file or option to blame."""
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        raise ConfigError(f"{where}: {error.problem}", hint="the file must be valid YAML") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{name}: {str(error).splitlines()[0]}", hint="the file must be valid YAML") from error


def read(path: Path) -> Any:
    """The value that a YAML file stands for."""
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ConfigError(f"{path}: is larger than {LARGEST:,} bytes", hint="a config is a few lines of YAML")
        return parse(content.decode("utf-8-sig"), str(path))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file", hint="`nmt init` writes a config for your text") from error
    except IsADirectoryError as error:
        raise ConfigError(f"{path}: is a folder, not a config file", hint="name the YAML file in it") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text", hint="save it as UTF-8") from error


class _Dumper(yaml.SafeDumper):
    """Quotes every string that either YAML 1.1 or 1.2 would read as something else."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: _Loader.yaml_implicit_resolvers.get(first, []) + yaml.SafeDumper.yaml_implicit_resolvers.get(first, [])
        for first in {*_Loader.yaml_implicit_resolvers, *yaml.SafeDumper.yaml_implicit_resolvers}
    }


def _scalar(dumper: _Dumper, text: str) -> yaml.Node:
    """A string, quoted if it holds what is escaped, as escapes count in quotes alone."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if visible(text) != text else None)


_Dumper.add_representer(str, _scalar)


def dump(value: Any) -> str:
    """A YAML text, keys in the order given."""
    return _dump(value, default_flow_style=False, width=120)


def flow(value: Any) -> str:
    """A YAML text on one line, as a value stands in a config: `{source: a.de, target: a.en}`."""
    return _dump(value, default_flow_style=True, width=float("inf")).removesuffix("\n").removesuffix("\n...")


def _dump(value: Any, **layout: Any) -> str:
    return visible(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, **layout))
