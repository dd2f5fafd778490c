"""Ingest's process: from the broker into the store, until it is told to stop."""

import gc
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import psycopg
import structlog
from prometheus_client import start_http_server

from decoders.javascript.pool import CodecPool
from services.core.clock import Clock
from services.core.settings import Settings
from services.core.storage.errors import StoreUnavailable
from services.core.storage.migrate import check
from services.core.times import TimeRules
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.halt import Holding
from services.ingest.metrics import Metrics
from services.ingest.mqtt.session import Filters, Session
from services.ingest.mqtt.source import mqtt_source
from services.ingest.parsing import Parser
from services.ingest.pipeline import Pipeline
from services.ingest.source import Source, SourceError
from services.ingest.store import Store

DEADLINE = 10.0
"""Seconds an open batch may still take after a stop; then it is given up, and comes again."""

COLLECT_AFTER = 100_000
"""Objects more than before, after which the garbage collector looks for cycles."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0

_log = structlog.get_logger(__name__)


def run(settings: Settings, clock: Clock, stop: threading.Event) -> None:
    """Receive and store until ``stop`` is set; finishes the open batch.

    Waits for a database or broker that cannot be reached. Raises SettingError, SchemaBehind or SchemaUnknown before it
    begins, SourceError when the broker refuses us or a thread has died, OSError when the metrics port is taken.
    """
    metrics = Metrics()
    topics = TopicFilter(settings.mqtt_topic)
    session = Session(settings, Filters(topics.subscription), clock, metrics)
    source = mqtt_source(session, settings)
    with _served(settings, metrics) as serving:
        if not _schema_checked(settings, _Patience(stop)):
            return
        store = Store(settings, clock)
        parser = Parser(topics, settings.encoding, TimeRules.of(settings))
        runner = CodecPool()
        pipeline = Pipeline(parser, store, settings, clock, metrics, runner)
        _spare_the_collector()
        source.start()
        _log.info("ingest_started", filter=topics.subscription, client_id=settings.mqtt_client_id)
        try:
            _work(source, pipeline, store, settings, clock, stop, serving, metrics)
        finally:
            source.stop()
            store.close()
            runner.close()
    _log.info("ingest_stopped")


def _work(
    source: Source,
    pipeline: Pipeline,
    store: Store,
    settings: Settings,
    clock: Clock,
    stop: threading.Event,
    serving: Callable[[], bool],
    metrics: Metrics,
) -> None:
    holding = Holding(pipeline, store, settings, clock, metrics, stop)
    while not stop.is_set():
        if not serving():
            raise SourceError("the thread that serves /metrics has ended")
        messages = source.take(settings.batch_messages, settings.batch_wait.total_seconds())
        if not messages:
            continue
        if not holding.process(messages, _Patience(stop).wait):
            _log.warning("batch_given_up", messages=len(messages), what="not acknowledged: the broker sends it again")
            return
        source.acknowledge(messages)
        pipeline.acknowledged(messages)
        try:
            store.tidy(clock())
        except StoreUnavailable as trouble:
            _log.warning("store_unavailable", error=str(trouble))


def _schema_checked(settings: Settings, patience: "_Patience") -> bool:
    """False when told to stop before the database could be asked."""
    while True:
        try:
            check(settings.database_url.get_secret_value())
        except psycopg.OperationalError as error:
            _log.warning("store_unavailable", error=" ".join(str(error).split()))
            if not patience.wait():
                return False
        else:
            return True


def _spare_the_collector() -> None:
    """A batch is tens of thousands of small objects without cycles, which the collector would search again and again.

    Measured: a quarter of this process's time.
    """
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


class _Patience:
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


@contextmanager
def _served(settings: Settings, metrics: Metrics) -> Generator[Callable[[], bool]]:
    """/metrics on the port that is set, if one is; gives a function that tells whether it still is."""
    if settings.ingest_metrics_port is None:
        yield lambda: True
        return
    server, thread = start_http_server(settings.ingest_metrics_port, settings.metrics_host, registry=metrics.registry)
    _log.info("metrics_served", host=settings.metrics_host, port=server.server_port)
    try:
        yield thread.is_alive
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
