"""What every section of a config has in common."""

from pydantic import BaseModel, ConfigDict
from typing_extensions import Self


class Section(BaseModel):
    """Unknown keys are errors, values never change after the check, and each setting's docstring is its help text."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, protected_namespaces=(), allow_inf_nan=False
    )

    def unless(self, faults: list[str]) -> Self:
        """The section, for validators that have looked at it: all its impossible combinations in one ValueError."""
        if faults:
            raise ValueError("\n".join(faults))
        return self
