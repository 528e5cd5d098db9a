"""What every section of a config has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Unknown keys are errors, values never change after the check, and each setting's docstring is its help text."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, protected_namespaces=(), allow_inf_nan=False
    )


def refuse(faults: list[str]) -> None:
    """Raise a ValueError with all of a section's impossible combinations, a line each, if there are any."""
    if faults:
        raise ValueError("\n".join(faults))
