"""What a user did wrong, said in one line with a hint. Our own bugs are AssertionErrors and tracebacks."""

import re

from nmt.escapes import visible

_ENDLESS = re.compile(r"(.{800}).{4,}(.{200})")


class NMTError(Exception):
    """A fault in the user's data, config or files. The CLI prints it without a traceback and exits with code 1.

    Names and values in message and hint come from anywhere: control characters are escaped (see nmt.escapes), and
    endless lines of the message are cut in their middle.
    """

    def __init__(self, message: str, hint: str | None = None):
        message = _ENDLESS.sub(r"\1...\2", visible(message))
        super().__init__(message)
        self.message = message
        self.hint = None if hint is None else visible(hint)


class ConfigError(NMTError):
    """Faults of a config, all of them at once."""


class DataError(NMTError):
    """A text file that cannot be used: missing, misaligned, not UTF-8, empty."""


class CheckpointError(NMTError):
    """A run folder or model bundle that is missing, damaged, or of another config."""
