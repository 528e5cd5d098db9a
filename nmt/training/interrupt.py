"""Ctrl-C, SIGTERM and a terminal that hangs up, held back until training is at a point from which it can go on."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


ECHO = 1.0
"""Seconds. Whoever ends a job signals its processes and torchrun, which passes the signal on to them once more."""


class Guard:
    """The signal that came, if any, and its delivery."""

    def __init__(self) -> None:
        self.pending: int | None = None
        """Also one that came to another rank."""
        self.echo = 0.0
        """Seconds in which a signal after the first means no more than that."""
        self._heard: float | None = None  # when the first came to this process
        self._held = True
        self._handlers: dict[int, object] = {}

    def _receive(self, number: int, _frame) -> None:
        now, before = time.monotonic(), self._heard
        if before is not None and now - before < self.echo:
            return
        self._heard, self.pending = now, number
        if before is not None:  # it is in earnest
            self.deliver()
        if not self._held:
            raise KeyboardInterrupt

    def deliver(self) -> NoReturn:
        """Hand the pending signal to the handler that was there before; if that returns, raise KeyboardInterrupt.

        One that came to another rank may be one that is ignored here.
        """
        if self.pending in self._handlers:
            signal.signal(self.pending, self._handlers[self.pending])
            signal.raise_signal(self.pending)
        raise KeyboardInterrupt

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """In this block, which must leave nothing half done, a signal raises KeyboardInterrupt; it stays pending."""
        self._held = False
        try:
            if self.pending is not None:
                raise KeyboardInterrupt
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
    for number in SIGNALS:  # one that is ignored, as Ctrl-C is in the background of a script, stays so
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            guard._handlers[number] = signal.signal(number, guard._receive)
    try:
        yield guard
    finally:
        for number, handler in guard._handlers.items():
            signal.signal(number, handler)
