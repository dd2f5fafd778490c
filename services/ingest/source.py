"""Where messages come from, whatever carries them: the pipeline knows this much and no more."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct


class Message(Struct, frozen=True, gc=False, array_like=True):
    """One delivery. ``received_at`` is our clock. ``epoch`` and ``token`` are the source's own, for acknowledging."""

    topic: str
    body: bytes
    qos: int
    retain: bool
    received_at: datetime
    epoch: int
    token: int


class SourceError(Exception):
    """The source will give nothing more, and says why: the process must end."""


class Source(Protocol):
    """Gives messages at least once, and again after a restart when they were not acknowledged."""

    def start(self) -> None:
        """Begin to receive; returns at once. What goes wrong later is raised by ``take``."""
        ...

    def take(self, most: int, seconds: float) -> list[Message]:
        """Wait for a first message, then for company: at most ``most`` messages or ``seconds`` after the first.

        Returns what there is, after at most a second also nothing. Raises SourceError.
        """
        ...

    def waiting(self) -> int:
        """How many messages ``take`` would give without waiting."""
        ...

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell the source that these are stored for good. Those of a connection that has ended are passed over."""
        ...

    def stop(self) -> None:
        """Send what is still to be acknowledged and close; the queue stays with whoever keeps it."""
        ...
