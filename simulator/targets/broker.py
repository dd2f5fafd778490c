"""What every publisher to a broker does, whatever its client: keys until their PUBACK, and waiting for it."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod

WINDOW = 1000
"""Publications without a PUBACK, if the broker grants as many (receive maximum)."""

CONNECT_WITHIN = 15.0
LONGEST_PAUSE = 5.0
"""Seconds between two attempts to connect again."""


class BrokerTarget(ABC):
    """A target whose `_service` lets its client work, and which puts the keys of PUBACKs into `_accepted`."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._accepted: list[int] = []

    @abstractmethod
    def _service(self, seconds: float) -> None:
        """Writes and reads what there is, for at most `seconds`, connecting again when needed."""

    @abstractmethod
    def _outstanding(self) -> int:
        """Publications that have no PUBACK, or are not even sent."""

    def wait(self, seconds: float) -> None:
        """Lets the network work for at most `seconds`; less when asked to stop."""
        deadline = time.monotonic() + seconds
        while not self._stop.is_set():
            left = deadline - time.monotonic()
            self._service(max(0.0, min(0.25, left)))
            if left <= 0.25:
                return

    def acknowledged(self) -> list[int]:
        """Keys with a PUBACK since the last call."""
        accepted, self._accepted = self._accepted, []
        return accepted

    def flush(self, seconds: float) -> int:
        """Waits for PUBACKs at most that long; how many publications have none."""
        deadline = time.monotonic() + seconds
        while self._outstanding() and time.monotonic() < deadline:
            self._service(0.1)
        return self._outstanding()
