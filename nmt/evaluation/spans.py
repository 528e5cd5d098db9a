"""Placeholders, tags, URLs and e-mail addresses, which a translation must keep as they are."""

import re

_SPAN = re.compile(
    r"(?:https?://|www\.)[^\s<>\"“”«»]{1,500}[^\s<>\"“”«».,;:!?()\[\]{}'’]"
    r"|[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"
    r"|</?[A-Za-z][^<>]{0,200}>"
    r"|\{\{[^{}]{0,64}\}\}|\$?\{[\w.$:!-]{0,64}\}"
    r"|(?<![\d%])%(?:\(\w{1,64}\))?(?:\d\$)?[sdifuxg@](?![A-Za-z])"
)


def find(text: str) -> list[str]:
    """Return the spans of a text, in order."""
    return _SPAN.findall(text)
