"""References per line: a blank line among several references means that this reference is missing there."""

from collections.abc import Sequence

Lines = Sequence[str]


def of_lines(references: Sequence[Lines]) -> list[list[str]]:
    """Return the references of each line that are not blank; if all are, they are empty translations and stay."""
    return [[text for text in line if text.strip()] or list(line) for line in zip(*references, strict=True)]


def streams(references: Sequence[Lines]) -> list[list[str | None]]:
    """Return the references as sacreBLEU reads them: one list per reference, None if it is missing for a line.

    As an empty text a missing reference would be the closest in length to a short hypothesis, and BLEU would lose its
    brevity penalty.
    """
    translated = [any(text.strip() for text in line) for line in zip(*references, strict=True)]
    return [
        [None if other and not text.strip() else text for text, other in zip(lines, translated, strict=True)]
        for lines in references
    ]
