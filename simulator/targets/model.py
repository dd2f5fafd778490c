"""What every target does."""

from __future__ import annotations

from typing import Protocol


class Target(Protocol):
    """Takes messages and tells which were accepted."""

    def publish(self, key: int, topic: str, body: bytes, *, qos: int = 1) -> bool:
        """Hands a message over, waiting while too many are unacknowledged.

        At `qos` 0 nobody tells whether it arrived.
        False when the run was asked to stop while there was no way to send it.
        """
        ...

    def wait(self, seconds: float) -> None:
        """Lets the network work for at most that long; returns early when asked to stop."""
        ...

    def acknowledged(self) -> list[int]:
        """Keys accepted since the last call, one entry per copy."""
        ...

    def flush(self, seconds: float) -> int:
        """Waits at most that long for what is outstanding; how many are left."""
        ...

    def close(self) -> None:
        """Lets go of the connection or the file."""
        ...
