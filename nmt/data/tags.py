"""Tags: control symbols that stand before a source and tell the model what is wanted of it, say a language or a style.

When a tokenizer is trained it reserves `tokenizer.spare` slots: the ids of `<spare1>`, `<spare2>`, ..., which no text
has, whatever it spells. The tags of a config take the slots in the order in which `data.train` first names them; a tag
that has a slot keeps it when more come. Which tag has which id is kept beside the tokenizer, in tags.json: {"de": 4}.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import count, takewhile
from pathlib import Path

from pydantic import StrictInt, TypeAdapter

from nmt import files, strict_json
from nmt.config.data import TagName
from nmt.errors import CheckpointError, ConfigError

FILE = "tags.json"
"""Beside each tokenizer that has slots, be there a tag in them or not."""

_TAGS = TypeAdapter(dict[TagName, StrictInt])


def spellings(spare: int) -> list[str]:
    """The names of so many control symbols."""
    return [f"<spare{number}>" for number in range(1, spare + 1)]


def slots_of(id_of_control) -> tuple[int, ...]:
    """The ids of a tokenizer's slots; `id_of_control` tells that of a control symbol, None where there is none."""
    found = (id_of_control(f"<spare{number}>") for number in count(1))
    return tuple(takewhile(lambda each: each is not None, found))


def assign(names: Iterable[str], slots: Sequence[int], *, known: Mapping[str, int] | None = None) -> dict[str, int]:
    """Each tag's id: the `known` ones keep theirs, new ones take the first free slots in their order.

    Raises ConfigError when there are too few.
    """
    tags = dict(known or {})
    new = [name for name in dict.fromkeys(names) if name not in tags]
    free = [slot for slot in slots if slot not in tags.values()]
    if len(new) > len(free):
        raise ConfigError(
            f"data.train: {len(tags) + len(new)} tags ({', '.join([*tags, *new])}), but the tokenizer has "
            f"{len(slots)} slots for them",
            hint="raise tokenizer.spare, which counts when a tokenizer is trained, or use fewer tags",
        )
    return tags | dict(zip(new, free, strict=False))


def id_of(tags: Mapping[str, int], name: str) -> int:
    """The id of a tag. Raises ConfigError with those that there are when it is none of them."""
    if name not in tags:
        known = f"its tags are {', '.join(tags)}" if tags else "it was trained without tags: leave it out"
        raise ConfigError(f'tag "{name}": the model does not know it', hint=known)
    return tags[name]


def write(folder: Path, tags: Mapping[str, int]) -> None:
    """Keep the tags in a folder."""
    files.write_text(folder / FILE, json.dumps(dict(tags), ensure_ascii=False) + "\n")


def read(folder: Path, slots: Sequence[int]) -> dict[str, int]:
    """Read the tags that `write` kept, for a tokenizer with these slots.

    Raises CheckpointError if it is missing or damaged, or if a name could not stand in a config.
    """
    path = folder / FILE
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file", hint="copy the whole folder again")
    try:
        tags = _TAGS.validate_python(strict_json.parse(path.read_text(encoding="utf-8")))
        if not set(tags.values()) <= set(slots) or len(set(tags.values())) < len(tags):
            raise ValueError
    except (ValueError, RecursionError) as error:
        ids = f"{slots[0]} to {slots[-1]}" if slots else "none"
        raise CheckpointError(
            f"{path}: expected names of tags, each with one of the ids of the tokenizer's slots ({ids})",
            hint="copy the file again",
        ) from error
    return tags
