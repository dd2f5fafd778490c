"""Ingest's process: from the broker into the store, until it is told to stop."""

import gc
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psycopg
import structlog

from decoders.javascript.pool import CodecPool
from services.core.clock import Clock
from services.core.settings import Settings
from services.core.storage.errors import StoreUnavailable
from services.core.storage.migrate import check
from services.core.times import TimeRules
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.halt import Holding
from services.ingest.membership import Membership
from services.ingest.metrics import Metrics
from services.ingest.mqtt.session import Filters, Session
from services.ingest.mqtt.source import mqtt_source
from services.ingest.parsing import Parser
from services.ingest.patience import Patience
from services.ingest.pipeline import Pipeline
from services.ingest.serving import served
from services.ingest.source import Source, SourceError
from services.ingest.store import Store

COLLECT_AFTER = 100_000
"""Objects more than before, after which the garbage collector looks for cycles."""

_log = structlog.get_logger(__name__)


def run(settings: Settings, clock: Clock, stop: threading.Event, metrics: Metrics | None = None) -> None:
    """Receive and store until ``stop`` is set; finishes the open batch.

    Waits for a database or broker that cannot be reached. Raises SettingError, SchemaBehind or SchemaUnknown before it
    begins, SourceError when the broker refuses us or a thread has died, OSError when the metrics port is taken.
    """
    metrics = metrics or Metrics()
    topics = TopicFilter(settings.mqtt_topic)
    # What cannot work is to be told before anything is waited for.
    Session(settings, Filters(topics.subscription), clock, metrics)
    with served(settings, metrics.registry) as serving:
        if not schema_checked(settings, Patience(stop)):
            return
        store = Store(settings, clock)
        membership = Membership(store, settings, topics.subscription, metrics)
        filters = _begun(membership, clock, Patience(stop))
        if filters is None:
            return
        worker = assembled(store, topics, settings, clock, stop, metrics)
        source = mqtt_source(Session(settings, filters, clock, metrics), settings)
        source.start()
        _log.info("ingest_started", filter=topics.subscription, client_id=settings.mqtt_client_id)
        try:
            _work(source, worker, membership, settings, clock, stop, serving)
        finally:
            source.stop()
            with suppress(StoreUnavailable):
                membership.end(clock())
            worker.close()
    _log.info("ingest_stopped")


@dataclass(frozen=True, slots=True)
class Worker:
    """What a batch goes through."""

    store: Store
    pipeline: Pipeline
    holding: Holding
    runner: CodecPool
    stop: threading.Event

    def process(self, source: Source, most: int, seconds: float) -> int | None:
        """Take, store and acknowledge a batch: how many there were; None when they were given up because of a stop."""
        messages = source.take(most, seconds)
        if not messages:
            return 0
        if not self.holding.process(messages, Patience(self.stop).wait):
            _log.warning("batch_given_up", messages=len(messages), what="not acknowledged: the broker sends it again")
            return None
        source.acknowledge(messages)
        self.pipeline.acknowledged(messages)
        return len(messages)

    def close(self) -> None:
        self.store.close()
        self.runner.close()


def assembled(
    store: Store, topics: TopicFilter, settings: Settings, clock: Clock, stop: threading.Event, metrics: Metrics
) -> Worker:
    parser = Parser(topics, settings.encoding, TimeRules.of(settings))
    runner = CodecPool()
    pipeline = Pipeline(parser, store, settings, clock, metrics, runner)
    _spare_the_collector()
    return Worker(store, pipeline, Holding(pipeline, store, settings, clock, metrics, stop), runner, stop)


def schema_checked(settings: Settings, patience: Patience) -> bool:
    """False when told to stop before the database could be asked. Raises SchemaBehind, SchemaUnknown."""
    while True:
        try:
            check(settings.database_url.get_secret_value())
        except psycopg.OperationalError as error:
            _log.warning("store_unavailable", error=" ".join(str(error).split()))
            if not patience.wait():
                return False
        else:
            return True


def _begun(membership: Membership, clock: Clock, patience: Patience) -> Filters | None:
    while True:
        try:
            return membership.begin(clock())
        except StoreUnavailable as trouble:
            _log.warning("store_unavailable", error=str(trouble))
            if not patience.wait():
                return None


def _work(
    source: Source,
    worker: Worker,
    membership: Membership,
    settings: Settings,
    clock: Clock,
    stop: threading.Event,
    serving: Callable[[], bool],
) -> None:
    while not stop.is_set():
        if not serving():
            raise SourceError("the thread that serves /metrics has ended")
        if worker.process(source, settings.batch_messages, settings.batch_wait.total_seconds()) is None:
            return
        try:
            worker.store.tidy(clock())
            membership.tend(clock())
        except StoreUnavailable as trouble:
            _log.warning("store_unavailable", error=str(trouble))


def _spare_the_collector() -> None:
    """A batch is tens of thousands of small objects without cycles, which the collector would search again and again.

    Measured: a quarter of this process's time.
    """
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
