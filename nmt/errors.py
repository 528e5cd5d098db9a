"""What a user did wrong, said in one line with a hint. Our own bugs are AssertionErrors and tracebacks."""

import re

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_ENDLESS = re.compile(r"(.{800}).{4,}(.{200})")


class NMTError(Exception):
    """A fault in the user's data, config or files. The CLI prints it without a traceback and exits with code 1.

    Names and values in the message come from anywhere: control characters, which could steer the terminal, are shown as
    Python writes them, and endless lines are cut in their middle.
    """

    def __init__(self, message: str, hint: str | None = None):
        message = _ENDLESS.sub(r"\1...\2", _CONTROL.sub(lambda found: repr(found[0])[1:-1], message))
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(NMTError):
    """Faults of a config, all of them at once."""


class DataError(NMTError):
    """A text file that cannot be used: missing, misaligned, not UTF-8, empty."""


class CheckpointError(NMTError):
    """A run folder or model bundle that is missing, damaged, or of another config."""
