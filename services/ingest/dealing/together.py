"""What /metrics of the workers' parent shows: its own, theirs added up, and which of them live."""

import threading
import time
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from services.ingest.metrics import Metrics
from services.ingest.sums import Sums
from services.ingest.worker_process import WorkerProcess

ANSWER_SECONDS = 1.5
"""Less than who scrapes waits: a worker that is stopped for a while must not hide the others."""


def together(own: Metrics, workers: Sequence[WorkerProcess]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Together(own, workers))
    return registry


class _Together(Collector):
    def __init__(self, own: Metrics, workers: Sequence[WorkerProcess]) -> None:
        self._own = own
        self._workers = workers
        self._lock = threading.Lock()

    @override
    def collect(self) -> Iterable[Metric]:
        with self._lock:
            total = Sums.of(self._own.registry)
            up = GaugeMetricFamily("terroir_ingest_worker_up", "1 while this worker runs.", labels=["worker"])
            restarts = CounterMetricFamily(
                "terroir_ingest_worker_restarts", "How often this worker was started again.", labels=["worker"]
            )
            until = time.monotonic() + ANSWER_SECONDS
            for worker in self._workers:
                worker.ask()
            for worker in self._workers:
                total.add(worker.figures(until))
                up.add_metric([worker.name], float(worker.alive))
                restarts.add_metric([worker.name], worker.restarts)
        yield from total.metrics()
        yield up
        yield restarts

    def describe(self) -> Iterable[Metric]:
        """Nothing: not to be asked before there are workers."""
        return ()
