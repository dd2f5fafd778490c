"""Messages on their way from one thread to the next."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Generic, TypeVar

from typing_extensions import override

from services.ingest.source import Message, SourceError

IDLE = 1.0
"""Seconds after which ``take`` comes back with nothing, so that its caller can look around."""

T = TypeVar("T")


class Queue(Generic[T]):
    """In order of arrival; who puts sees to it that not too many wait."""

    def __init__(self) -> None:
        self._waiting: deque[T] = deque()
        self._changed = threading.Condition()
        self._wanted = 1
        self._failure: str | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, items: Sequence[T]) -> None:
        with self._changed:
            self._waiting.extend(items)
            if len(self._waiting) >= self._wanted:
                self._changed.notify()

    def fail(self, why: str) -> None:
        """Let ``take`` raise SourceError once what was received is taken; the first reason counts."""
        with self._changed:
            self._failure = self._failure or why
            self._changed.notify()

    def take(self, most: int, seconds: float) -> list[T]:
        """As ``Source.take``."""
        with self._changed:
            self._wait(1, IDLE)
            if self._waiting:
                self._wait(most, seconds)
            elif self._failure is not None:
                raise SourceError(self._failure)
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def _wait(self, wanted: int, seconds: float) -> None:
        self._wanted = wanted
        deadline = monotonic() + seconds
        while len(self._waiting) < wanted and self._failure is None:
            left = deadline - monotonic()
            if left <= 0 or not self._changed.wait(left):
                break


class Inbox(Queue[Message]):
    """What a source has received. How many wait is bounded by the protocol: a broker sends no more than it may.

    ``size`` is how many bytes of bodies wait, for a source that can stop reading.
    """

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    @override
    def put(self, items: Sequence[Message]) -> None:
        with self._changed:
            self.size += _size(items)
            super().put(items)

    @override
    def take(self, most: int, seconds: float) -> list[Message]:
        with self._changed:
            taken = super().take(most, seconds)
            self.size -= _size(taken)
            return taken

    def discard(self, unwanted: Callable[[Message], bool]) -> int:
        """Drop messages that will come again; returns how many."""
        with self._changed:
            kept = [message for message in self._waiting if not unwanted(message)]
            dropped = len(self._waiting) - len(kept)
            self._waiting = deque(kept)
            self.size = _size(kept)
            return dropped


def _size(messages: Sequence[Message]) -> int:
    return sum([len(message.body) for message in messages])
