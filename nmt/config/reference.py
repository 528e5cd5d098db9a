"""Every setting there is, with its default, its choices and its help text, asked of the sections themselves."""

from collections.abc import Iterator
from inspect import isclass
from typing import Any, Literal, NamedTuple, get_args, get_origin

from nmt.config.run import Config
from nmt.config.section import Section


class Setting(NamedTuple):
    """One setting of a section."""

    name: str
    default: Any
    """What it is where a config does not name it; Ellipsis where every config has to."""
    choices: tuple[str, ...]
    """Of a setting that takes one of a few words."""
    line: str
    """Its help text."""


class Described(NamedTuple):
    """A section, or one of the forms that a section can have."""

    places: tuple[str, ...]
    """Where in a config it stands, dotted; nothing for the config itself."""
    line: str
    settings: tuple[Setting, ...]


def described() -> list[Described]:
    """All sections, each kind once, in the order of a config."""
    places: dict[type[Section], list[str]] = {}
    _visit(Config, "", places)
    return [Described(tuple(there), _line(kind.__doc__), tuple(_settings(kind))) for kind, there in places.items()]


def _visit(kind: type[Section], place: str, places: dict[type[Section], list[str]]) -> None:
    """Note where a section stands, and the sections inside it."""
    places.setdefault(kind, []).append(place)
    for name, field in kind.model_fields.items():
        for inner in _sections(field.annotation):
            _visit(inner, f"{place}.{name}".lstrip("."), places)


def _sections(annotation: Any) -> list[type[Section]]:
    """The kinds of section that a setting's type is made of."""
    parts = get_args(annotation)
    if not parts and isclass(annotation) and issubclass(annotation, Section):  # tuple[X] is a class in Python 3.10
        return [annotation]
    return list(dict.fromkeys(found for part in parts for found in _sections(part)))


def _settings(kind: type[Section]) -> Iterator[Setting]:
    """Those that hold no section; first its type, where there are several."""
    for name, field in sorted(kind.model_fields.items(), key=lambda item: item[0] != "type"):
        if not _sections(field.annotation):
            words = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
            default = ... if field.is_required() else field.default
            yield Setting(name, default, words, _line(field.description))


def _line(text: str | None) -> str:
    return " ".join((text or "").split())
