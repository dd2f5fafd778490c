"""What the worker tells Prometheus."""

from collections.abc import Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.core.storage.changes import Lag

SECONDS = (0.005, 0.02, 0.1, 0.5, 2, 10, 60)


class Metrics:
    """The worker's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.runs = Counter(
            "terroir_worker_runs",
            "Steps of a job by result; busy: another worker was at it.",
            ["job", "result"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "terroir_worker_run_seconds",
            "Duration of a job's steps.",
            ["job"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.failures = Counter(
            "terroir_worker_failures",
            "Times a job, or the listener that wakes them, had to give up for the store and try again.",
            ["job"],
            registry=self.registry,
        )
        self.unread = Gauge(
            "terroir_feed_unread_batches",
            "Changes a consumer has not read yet (counted up to 10000).",
            ["consumer"],
            registry=self.registry,
        )
        self.oldest = Gauge(
            "terroir_feed_oldest_unread_seconds",
            "Age of the oldest change a consumer has not read; 0: it has read all.",
            ["consumer"],
            registry=self.registry,
        )

    def observe_lag(self, lags: Iterable[Lag], now: datetime) -> None:
        """Replace what is shown of every consumer."""
        self.unread.clear()
        self.oldest.clear()
        for lag in lags:
            age = 0.0 if lag.oldest is None else (now - lag.oldest).total_seconds()
            self.unread.labels(lag.consumer).set(lag.batches)
            self.oldest.labels(lag.consumer).set(max(0.0, age))
