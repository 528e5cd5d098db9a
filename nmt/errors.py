"""What a user did wrong, said in one line with a hint. Our own bugs are AssertionErrors and tracebacks."""


class NMTError(Exception):
    """A fault in the user's data, config or files. The CLI prints it without a traceback and exits with code 1."""

    def __init__(self, message: str, hint: str | None = None):
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(NMTError):
    """Faults of a config, all of them at once."""


class DataError(NMTError):
    """A text file that cannot be used: missing, misaligned, not UTF-8, empty."""


class CheckpointError(NMTError):
    """A run folder or model bundle that is missing, damaged, or of another config."""
