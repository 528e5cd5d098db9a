"""What is wrong with a config, all of it at once: `training.stpes: unknown key (did you mean "steps"?)`.

pydantic finds the faults of single settings. The impossible combinations are looked for in what is right, also when
other settings are not.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from functools import partial
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from nmt.config.section import Section

Keys = tuple[str | int, ...]
"""Where a setting is: the names of the sections around it and its own, then its place in a list."""


def describe(error: ValidationError, config: type[Section], value: dict, context: Any) -> list[str]:
    """One line a fault, in the order of the file, and then the impossible combinations."""
    lines, faulty = [], set()
    for fault in error.errors():
        keys, _ = _follow(fault["loc"], config)
        faulty.add(_names_in(keys))
        lines.append(_line(keys, _message(fault, config)))
    return list(dict.fromkeys([*lines, *combinations(_salvage(config, value, faulty, context), faulty)]))


def combinations(section: Section, faulty: set[Keys] = frozenset(), at: Keys = ()) -> Iterator[str]:
    """The conflicts of a section and those inside it, without those that a faulty setting may have caused."""
    names = _names_in(at)
    for settings, message in section.conflicts():
        involved = [(*names, *name.split(".")) for name in settings]
        if not any(keys[: len(each)] == each for keys in involved for each in faulty):
            yield _line(at, message)
    for name, inner in section:
        if isinstance(inner, Section):
            yield from combinations(inner, faulty, (*at, name))
        for index, each in enumerate(inner if isinstance(inner, tuple) else ()):
            if isinstance(each, Section):
                yield from combinations(each, faulty, (*at, name, index))


def _salvage(section: type[Section], value: Any, faulty: set[Keys], context: Any, at: Keys = ()) -> Section:
    """What is right in a value, with the defaults for the rest."""
    right = {}
    for key, inner in value.items() if isinstance(value, dict) else ():
        here = (*at, key)
        if key in section.model_fields and here not in faulty:
            rescue = partial(_salvage_one, _sections(section, key), faulty=faulty, context=context, at=here)
            right[key] = tuple(map(rescue, inner)) if isinstance(inner, tuple) else rescue(inner)
    try:
        return section.model_validate(right, context=context)
    except ValidationError:  # it lacks a setting without default
        return section.model_construct(**right)


def _salvage_one(known: list[type[Section]], value: Any, *, faulty: set[Keys], context: Any, at: Keys) -> Any:
    """A value that may be one of these sections."""
    return _salvage(_meant(known, value), value, faulty, context, at) if known and isinstance(value, dict) else value


def _meant(alternatives: list[type[Section]], value: dict) -> type[Section]:
    """The alternative with the value's type and most of its keys."""
    return max(alternatives, key=lambda each: (value.get("type") in _tags(each), len(value.keys() & each.model_fields)))


def _follow(location: Keys, config: type[Section]) -> tuple[Keys, list[type[Section]]]:
    """The keys in a location, and the sections that may be there: pydantic puts the chosen alternative's tag between
    keys."""
    keys, here = [], [config]
    for part in location:
        chosen = [each for each in here if len(here) > 1 and part in _tags(each)]
        if not chosen:
            keys.append(part)
        if not isinstance(part, int):  # which is a place in a list of what may be there
            here = chosen or [inner for each in here for inner in _sections(each, part)]
    return tuple(keys), here


def _names_in(keys: Keys) -> Keys:
    """Without places in lists: what is wrong in one may be so in all."""
    return tuple(key for key in keys if isinstance(key, str))


def _tags(section: type[Section]) -> tuple[str, ...]:
    """The names by which pydantic tells a section, or a list of it, from its alternatives."""
    kind = section.model_fields.get("type")
    return (section.__name__, f"{section.__name__}s", *(get_args(kind.annotation) if kind else ()))


def _sections(section: type[Section], key: Any) -> list[type[Section]]:
    """The sections that may be at a key."""
    field = section.model_fields.get(key)
    return [] if field is None else list(_members(field.annotation))


def _members(annotation: Any) -> Iterator[type[Section]]:
    arguments = get_args(annotation)
    if not arguments and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in arguments:  # Python 3.10 takes list[int] for a type
        yield from _members(argument)


def _line(keys: Keys, message: str) -> str:
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")
    return f"{path}: {message}" if path else message


def _message(fault: dict, config: type[Section]) -> str:
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(str(fault["loc"][-1]), fault["loc"][:-1], config)
    if kind == "missing":
        return "is missing; that of finetune.model for `nmt finetune`" if fault["loc"] == ("model",) else "is missing"
    if kind in ("model_type", "model_attributes_type"):
        return f"must be a section with keys, not {_short(fault['input'])}"
    if kind == "tuple_type":
        return f"must be a list, not {_short(fault['input'])}"
    if kind == "path_type":
        return f"must be a path, not {_short(fault['input'])}"
    if kind == "union_tag_not_found":
        return "needs a `type`: gru, attention_rnn, transformer or ntm"
    if kind == "union_tag_invalid":
        tags = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
        return f'type: "{context["tag"]}" is none of {", ".join(tags)}' + _nearest(context["tag"], tags)
    if kind == "literal_error":
        names = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return f"must be one of {', '.join(names)}, not {fault['input']!r}" + _nearest(str(fault["input"]), names)
    if kind == "value_error":
        return str(context["error"])
    return f"{fault['msg'][0].lower()}{fault['msg'][1:]}, not {_short(fault['input'])}"


def _short(value: Any) -> str:
    text = repr(str(value) if isinstance(value, str) else value)
    return text if len(text) <= 60 else text[:57] + "..."


def _unknown(key: str, location: Keys, config: type[Section]) -> str:
    """What is wrong with a key that a place of the config does not have."""
    keys, sections = _follow(location, config)
    typed = [each for each in _follow(keys, config)[1] if {"type", key} <= each.model_fields.keys()]
    if typed:
        return f"unknown key (it belongs to type {', '.join(_tags(each)[-1] for each in typed)})"
    names = sorted({name for section in sections for name in section.model_fields})
    return "unknown key" + (_nearest(key, names) or (f" (known: {', '.join(names)})" if names else ""))


def _nearest(word: str, names: list[str]) -> str:
    near = get_close_matches(word, names, n=1)
    return f' (did you mean "{near[0]}"?)' if near else ""
