"""Section `data.augment`: changed copies of training pairs."""

from pydantic import Field

from nmt.config.section import Section


class AugmentConfig(Section):
    """Changed copies of training pairs, as shares of the pairs of a pass. They come on top of the pairs themselves, a
    new random choice for every pass. 0 turns a kind off; 0.01 to 0.03 is usual."""

    upper: float = Field(0.0, ge=0, le=1)
    """Both sides in capitals: the model translates text in capitals into capitals."""
    title: float = Field(0.0, ge=0, le=1)
    """Both sides with a capital at the start of every word, as in headlines."""
    lower: float = Field(0.0, ge=0, le=1)
    """The source in lower case, the target unchanged."""
    typos: float = Field(0.0, ge=0, le=1)
    """Typing errors in the source, the target unchanged."""
    spans: float = Field(0.03, ge=0, le=1)
    """Symbols of protected spans in the place of names and numbers, or added to both sides. Without them a model learns
    only the symbols that `tokenizer.protect` finds in the training text."""
