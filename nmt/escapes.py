r"""Text from anywhere (names, lines, cards, settings) made safe to show: on a terminal, in a page, in a command.

`visible` escapes characters that steer a terminal, turn the direction of what follows, break a line, or cannot stand in
UTF-8 or XML: `\u001b`, `\u202e`. The escapes are those of JSON and of quoted strings in YAML, so that a program reads
the same from such text as before.
"""

import re
import shlex

_STEERING = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
_IN_TEXT = re.compile(f"[{_STEERING}]")
_IN_LINE = re.compile(f"[{_STEERING}\t\n]")
_ACTIVE = re.compile(r"([\\`\[\]<|~&$]|\*(?=\S)|(?<!\w)_|_(?!\w))")
"""Signs that Markdown acts upon where they stand: a_b and 0.01* are safe."""


def visible(text: str) -> str:
    """Text with its control characters as escapes; newlines and tabs stay."""
    return _IN_TEXT.sub(_escape, text)


def visible_line(text: str) -> str:
    """Text on one line: like `visible`, with newlines and tabs as escapes too."""
    return _IN_LINE.sub(_escape, text)


def _escape(found: re.Match) -> str:
    return f"\\u{ord(found[0]):04x}"


def markdown(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _ACTIVE.sub(r"\\\1", visible_line(text))


def shell(path: object) -> str:
    """A path as a shell takes it: quoted if necessary, and never read as an option."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)
