"""What every section of a config has in common."""

from collections.abc import Iterator
from typing import NamedTuple

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

    def conflicts(self) -> Iterator[Conflict]:
        """The impossible combinations among the section's settings; those inside its sections are their own."""
        yield from ()
