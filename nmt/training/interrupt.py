"""Ctrl-C and SIGTERM, held back until training is at a point from which it can go on."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Guard:
    """The signal that came, if any, and its delivery."""

    def __init__(self) -> None:
        self.pending: int | None = None
        self._held = True
        self._handlers: dict[int, object] = {}

    def _receive(self, number: int, _frame) -> None:
        if not self._held or self.pending is not None:  # a second signal is in earnest
            self.pending = number
            self.deliver()
        self.pending = number

    def deliver(self) -> None:
        """Hand the pending signal to the handler that was there before: as a rule it raises KeyboardInterrupt."""
        signal.signal(self.pending, self._handlers[self.pending])
        signal.raise_signal(self.pending)
        raise KeyboardInterrupt

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within this block, which must leave nothing half done, signals are not held back."""
        self._held = False
        try:
            if self.pending is not None:
                self.deliver()
            yield
        finally:
            self._held = True


@contextmanager
def holding_signals() -> Iterator[Guard]:
    """Hold signals back for a Guard to deliver. Outside the main thread, which alone gets signals, nothing happens."""
    guard = Guard()
    if threading.current_thread() is not threading.main_thread():
        yield guard
        return
    guard._handlers = {number: signal.signal(number, guard._receive) for number in SIGNALS}
    try:
        yield guard
    finally:
        for number, handler in guard._handlers.items():
            signal.signal(number, handler)
