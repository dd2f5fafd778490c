"""Holding on while the store is away."""

import threading
from collections.abc import Callable

import psycopg
import structlog

from services.core.storage.errors import StoreRefused, StoreUnavailable, classify

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0


class Persistence:
    """Calls something again for as long as the store is unavailable, waiting longer each time (seconds, 0.5 to 30)."""

    def __init__(self, name: str, stop: threading.Event, failed: Callable[[], None] = lambda: None) -> None:
        self._name = name
        self._stop = stop
        self._failed = failed
        self._delay = FIRST_DELAY

    def succeeded(self) -> None:
        """The store is there: the next trouble starts with a short wait again."""
        self._delay = FIRST_DELAY

    def run(self, work: Callable[[], None]) -> None:
        """Call ``work`` until it returns or ``stop`` is set. What is not the store's absence is raised."""
        while not self._stop.is_set():
            try:
                return work()
            except (StoreUnavailable, psycopg.Error) as error:
                trouble = classify(error) if isinstance(error, psycopg.Error) else error
                if isinstance(trouble, StoreRefused):
                    raise trouble from error
                if self._stop.is_set():
                    return None
                self._failed()
                structlog.get_logger().warning(
                    "store_unavailable", job=self._name, error=str(trouble), retry_seconds=self._delay
                )
            self._stop.wait(self._delay)
            self._delay = min(2 * self._delay, LONGEST_DELAY)
        return None
