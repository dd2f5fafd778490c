"""Several workers on one machine, each a process with a session of its own that shares the events with the others."""

import threading
import time
from collections.abc import Iterable, Sequence

import structlog
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from services.core.settings import Settings
from services.ingest.chirpstack_topic import TopicFilter, shared
from services.ingest.patience import DEADLINE
from services.ingest.serving import served
from services.ingest.source import SourceError
from services.ingest.sums import Sums
from services.ingest.worker_process import WorkerProcess, client_ids

LOOK_EVERY = 0.2

_log = structlog.get_logger(__name__)


def run_workers(settings: Settings, count: int, stop: threading.Event) -> None:
    """Keep ``count`` workers running until ``stop`` is set.

    Raises SettingError for a filter that cannot be shared, WorkersFailed when one cannot run, OSError when the metrics
    port is taken; then none is left running.
    """
    topic = shared(settings.mqtt_topic)
    TopicFilter(topic)
    names = client_ids(settings.mqtt_client_id, count)
    workers = [WorkerProcess(name, {"TERROIR_MQTT_TOPIC": topic}) for name in names]
    with served(settings, together(workers)) as serving:
        try:
            for worker in workers:
                worker.start()
            _log.info("workers_started", client_ids=names, filter=topic)
            while not stop.wait(LOOK_EVERY):
                for worker in workers:
                    worker.tend()
                if not serving():
                    raise SourceError("the thread that serves /metrics has ended")
        finally:
            for worker in workers:
                worker.ask_to_end()
            until = time.monotonic() + DEADLINE + 5
            for worker in workers:
                worker.end(until)
    _log.info("workers_stopped")


def together(workers: Sequence[WorkerProcess]) -> CollectorRegistry:
    """What /metrics of the workers' parent shows: their metrics added up, and which of them live."""
    registry = CollectorRegistry()
    registry.register(_Together(workers))
    return registry


class _Together(Collector):
    """The workers' metrics added up, and which of them live."""

    def __init__(self, workers: Sequence[WorkerProcess]) -> None:
        self._workers = workers
        self._lock = threading.Lock()

    @override
    def collect(self) -> Iterable[Metric]:
        with self._lock:
            total = Sums()
            up = GaugeMetricFamily("terroir_ingest_worker_up", "1 while this worker runs.", labels=["client_id"])
            restarts = CounterMetricFamily(
                "terroir_ingest_worker_restarts", "How often this worker was started again.", labels=["client_id"]
            )
            for worker in self._workers:
                total.add(worker.figures())
                up.add_metric([worker.client_id], float(worker.alive))
                restarts.add_metric([worker.client_id], worker.restarts)
        yield from total.metrics()
        yield up
        yield restarts

    def describe(self) -> Iterable[Metric]:
        """Nothing: not to be asked before there are workers."""
        return ()
