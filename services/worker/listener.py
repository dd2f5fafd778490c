"""Hears NOTIFY for all jobs, and measures how far the consumers of the feed are behind."""

import threading
import time
from collections.abc import Sequence

from services.core.clock import Clock
from services.core.settings import Settings
from services.core.storage import changes
from services.core.storage.connect import connect
from services.core.storage.jobs import listen
from services.worker.loop import JobLoop
from services.worker.metrics import Metrics
from services.worker.persistence import Persistence

NAME = "listener"
PATIENCE = 0.5
"""Seconds between two looks at ``stop``."""


class Listener:
    """Wakes jobs by their channels. Without it they would still run, at their intervals."""

    def __init__(
        self, loops: Sequence[JobLoop], settings: Settings, clock: Clock, stop: threading.Event, metrics: Metrics
    ) -> None:
        self._loops = loops
        self._settings = settings
        self._clock = clock
        self._stop = stop
        self._metrics = metrics
        self._persistence = Persistence(NAME, stop, metrics.failures.labels(NAME).inc)

    def run(self) -> None:
        """Listen until stopped. Raises what is not the store's absence."""
        self._persistence.run(self._serve)

    def _serve(self) -> None:
        url = self._settings.database_url.get_secret_value()
        name = f"terroir-worker {NAME}"
        every = self._settings.worker_interval.total_seconds()
        with connect(url, role="terroir_service", application_name=name, autocommit=True) as connection:
            listen(connection, sorted({channel for loop in self._loops for channel in loop.job.channels}))
            for loop in self._loops:
                loop.wake.set()  # for what was not heard while nobody listened
            measured = float("-inf")
            while not self._stop.is_set():
                if time.monotonic() - measured >= every:
                    self._metrics.observe_lag(changes.lag(connection), self._clock())
                    measured = time.monotonic()
                    self._persistence.succeeded()
                for notification in connection.notifies(timeout=PATIENCE, stop_after=1):
                    for loop in self._loops:
                        if notification.channel in loop.job.channels:
                            loop.wake.set()
