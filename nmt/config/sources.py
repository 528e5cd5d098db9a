"""Section `sources` of a bundle: the training sources, as far as they decide how lines are split for translation."""

from pydantic import Field

from nmt.config.section import Section

NEARLY_ALL = 0.99
"""Share of the training sources that have at most `SourcesConfig.length` pieces."""


class SourcesConfig(Section):
    """Measured by `nmt prepare` on the training pairs that were kept."""

    length: int = Field(ge=0)
    """Pieces that 99% of the sources do not exceed, a tag included, the end mark not."""
    several: float = Field(ge=0, le=1)
    """Share of the sources that hold more than one sentence."""
