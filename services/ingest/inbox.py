"""Messages between the thread that receives them and the one that stores them."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic

from services.ingest.source import Message, SourceError

IDLE = 1.0
"""Seconds after which ``take`` comes back with nothing, so that its caller can look around."""


class Inbox:
    """A queue in order of arrival. How many wait is bounded by the protocol: a broker sends no more than it may.

    ``size`` is how many bytes of bodies wait, for a source that can stop reading.
    """

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._changed = threading.Condition()
        self._wanted = 1
        self._failure: str | None = None
        self.size = 0

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, messages: Sequence[Message]) -> None:
        with self._changed:
            self._messages.extend(messages)
            self.size += sum([len(message.body) for message in messages])
            if len(self._messages) >= self._wanted:
                self._changed.notify()

    def fail(self, why: str) -> None:
        """Let ``take`` raise SourceError once what was received is taken; the first reason counts."""
        with self._changed:
            self._failure = self._failure or why
            self._changed.notify()

    def discard(self, unwanted: Callable[[Message], bool]) -> int:
        """Drop messages that will come again; returns how many."""
        with self._changed:
            kept = [message for message in self._messages if not unwanted(message)]
            dropped = len(self._messages) - len(kept)
            self._messages = deque(kept)
            self.size = sum(len(message.body) for message in kept)
            return dropped

    def take(self, most: int, seconds: float) -> list[Message]:
        """As ``Source.take``."""
        with self._changed:
            self._wait(1, IDLE)
            if self._messages:
                self._wait(most, seconds)
            elif self._failure is not None:
                raise SourceError(self._failure)
            taken = [self._messages.popleft() for _ in range(min(most, len(self._messages)))]
            self.size -= sum([len(message.body) for message in taken])
            return taken

    def _wait(self, wanted: int, seconds: float) -> None:
        self._wanted = wanted
        deadline = monotonic() + seconds
        while len(self._messages) < wanted and self._failure is None:
            left = deadline - monotonic()
            if left <= 0 or not self._changed.wait(left):
                break
