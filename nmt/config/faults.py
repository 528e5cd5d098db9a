"""pydantic's errors as the faults of a config: `training.stpes: unknown key (did you mean "steps"?)`."""

import re
from copy import deepcopy
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from nmt.config.section import Section


def describe(error: ValidationError, config: type[Section], value: Any) -> list[str]:
    """One line a fault, in the order of the file, and then those that hid behind them."""
    lines = _lines(error.errors(), config, value)
    return lines + [line for line in _hidden(error, config, value) if line not in lines]


def _lines(faults: list, config: type[Section], value: Any) -> list[str]:
    lines = []
    for fault in faults:
        path = _path(fault["loc"], value, missing=fault["type"] == "missing")
        for message in _message(fault, config).splitlines():
            line = message if _says_where(message, config) else f"{path}: {message}" if path else message
            if line not in lines:
                lines.append(line)
    return lines


def _hidden(error: ValidationError, config: type[Section], value: Any) -> list[str]:
    """The impossible combinations that are left when all faulty keys are.

    pydantic looks for them only where all else is right. One that names a faulty key may be its consequence, and so may
    one of a section that has lost all its keys: they are left out.
    """
    rest = deepcopy(value)
    faulty = [
        (section, key)
        for fault in error.errors()
        for section, key in _place(fault["loc"], rest)
        if fault["type"] == "extra_forbidden" or not isinstance(section[key], dict)
    ]
    for section, key in faulty:
        section.pop(key, None)
    try:
        config.model_validate(rest)
    except ValidationError as second:
        combinations = [
            fault
            for fault in second.errors()
            if fault["type"] == "value_error" and all(section[key] for section, key in _place(fault["loc"], rest))
        ]
        names = {key for _, key in faulty}
        return [line for line in _lines(combinations, config, rest) if names.isdisjoint(re.findall(r"\w+", line))]
    return []


def _place(location: tuple, value: Any) -> list[tuple[dict, str]]:
    """The innermost section that `location` leads through, and the key in it; none when it leads nowhere."""
    place = []
    for part in location:
        if isinstance(value, dict) and part in value:
            place, value = [(value, part)], value[part]
    return place


def _says_where(message: str, config: type[Section]) -> bool:
    """A check over several sections names the path itself."""
    return message.split(".")[0] in config.model_fields and ": " in message


def _path(location: tuple, value: Any, *, missing: bool) -> str:
    """The keys of `location` that the user wrote or should have written: pydantic adds the names of union members."""
    keys: list[str] = []
    for position, part in enumerate(location):
        last = position == len(location) - 1
        if isinstance(value, dict) and part not in value and not (last and missing):
            continue
        if not isinstance(value, dict | list | tuple) and not (last and isinstance(part, int)):
            continue
        keys.append(f"[{part}]" if isinstance(part, int) else str(part))
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            value = {} if last else value
    return ".".join(keys).replace(".[", "[")


def _message(fault: dict, config: type[Section]) -> str:
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        return "unknown key" + _suggestion(str(fault["loc"][-1]), _keys(fault["loc"][:-1], config))
    if kind == "missing":
        return "is missing"
    if kind in ("model_type", "model_attributes_type"):
        return f"must be a section with keys, not {_short(fault['input'])}"
    if kind == "tuple_type":
        return f"must be a list, not {_short(fault['input'])}"
    if kind == "path_type":
        return f"must be a path, not {_short(fault['input'])}"
    if kind == "union_tag_not_found":
        return "needs a `type`: gru, attention_rnn or transformer"
    if kind == "union_tag_invalid":
        tags = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
        return f'type: "{context["tag"]}" is none of {", ".join(tags)}' + _suggestion(context["tag"], tags)
    if kind == "literal_error":
        names = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return f"must be one of {', '.join(names)}, not {fault['input']!r}" + _suggestion(str(fault["input"]), names)
    if kind == "value_error":
        return str(context["error"])
    return f"{fault['msg'][0].lower()}{fault['msg'][1:]}, not {_short(fault['input'])}"


def _short(value: Any) -> str:
    text = repr(str(value) if isinstance(value, str) else value)
    return text if len(text) <= 60 else text[:57] + "..."


def _suggestion(word: str, names: list[str]) -> str:
    near = get_close_matches(word, names, n=1)
    return f' (did you mean "{near[0]}"?)' if near else f" (known: {', '.join(names)})" if names else ""


def _keys(location: tuple, section: type[BaseModel]) -> list[str]:
    """The names that are allowed at a place of the config."""
    models = [section]
    for part in location:
        inner = [model for each in models for model in _models(each, part)]
        models = inner or [model for model in models if model.__name__ == part] or models
        tagged = [m for m in models if "type" in m.model_fields and part in get_args(m.model_fields["type"].annotation)]
        models = tagged or models
    return sorted({name for model in models for name in model.model_fields})


def _models(section: type[BaseModel], key: Any) -> list[type[BaseModel]]:
    field = section.model_fields.get(key) if isinstance(key, str) else None
    return [] if field is None else list(_members(field.annotation))


def _members(annotation: Any):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _members(argument)
