"""Waiting for a database that is away, until it is back or we are told to stop."""

import threading
import time

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0

DEADLINE = 10.0
"""Seconds an open batch may still take after a stop; then it is given up, and comes again."""


class Patience:
    """Longer and longer pauses, and after a stop no more of them than the deadline allows."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._pause = FIRST_PAUSE
        self._deadline: float | None = None

    def wait(self) -> bool:
        """Pause; False when it is time to give up."""
        if not self._stop.wait(self._pause):
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            return True
        if self._deadline is None:
            self._deadline = time.monotonic() + DEADLINE
            return True
        time.sleep(FIRST_PAUSE)
        return time.monotonic() < self._deadline
