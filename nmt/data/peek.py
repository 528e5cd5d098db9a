"""An even sample of a stream whose length is not known."""

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Peek(Generic[Item]):
    """Every k-th item of all that pass through, with k doubled whenever there are too many."""

    def __init__(self, most: int = 2_000):
        self.items: list[Item] = []
        """Between half of `most` and `most` items, once so many have passed."""
        self._most, self._step, self._count = most, 1, 0

    def through(self, stream: Iterable[Item]) -> Iterator[Item]:
        """The items of a stream, unchanged."""
        for item in stream:
            if self._count % self._step == 0:
                if len(self.items) == self._most:
                    self.items, self._step = self.items[::2], 2 * self._step
                if self._count % self._step == 0:
                    self.items.append(item)
            self._count += 1
            yield item
