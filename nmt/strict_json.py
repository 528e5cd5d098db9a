"""JSON in which no object has a name twice: programs differ in which of the two values they take."""

import json
from typing import Any


def parse(content: str | bytes) -> Any:
    """The value that JSON stands for. Raises ValueError for other text, RecursionError for deep nesting."""
    return json.loads(content, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found
