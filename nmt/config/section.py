"""What every section of a config has in common."""

import json
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict


class Conflict(NamedTuple):
    """Settings that are right by themselves and impossible together."""

    settings: tuple[str, ...]
    """Their names; inside a section dotted: tokenizer.shared."""
    message: str


class Section(BaseModel):
    """Unknown keys are errors, true is no number, values never change after the check, and each setting's docstring is
    its help text."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, protected_namespaces=(),
        allow_inf_nan=False,
    )  # fmt: skip

    BELONGS: ClassVar[dict[str, dict[str, tuple[Any, ...]]]] = {}
    """Settings that have an effect only where one of these others has one of these values."""

    def conflicts(self) -> Iterator[Conflict]:
        """The impossible combinations among the section's settings; those inside its sections are their own."""
        yield from ()

    def idle(self) -> Iterator[str]:
        """What was set here and in the sections inside, and has no effect: most likely something else was forgotten."""
        for name, others in self.BELONGS.items():
            value, found = getattr(self, name), {other: getattr(self, other) for other in others}
            is_default = value == type(self).model_fields[name].default
            if not is_default and not any(found[other] in values for other, values in others.items()):
                is_not = (f"{o} is {_typed(found[o])}, not {' or '.join(map(_typed, others[o]))}" for o in others)
                yield f"{name}: {_typed(value)} has no effect: {' and '.join(is_not)}"
        for name, inner in self:
            if isinstance(inner, Section):
                yield from (f"{name}.{line}" for line in inner.idle())


def _typed(value: Any) -> str:
    """A plain value as one types it."""
    return value if isinstance(value, str) else json.dumps(value)
