"""Ingest's process: from the broker into the store, until it is told to stop."""

import threading
from collections.abc import Callable
from contextlib import suppress

import psycopg
import structlog

from services.core.clock import Clock
from services.core.settings import Settings
from services.core.storage.errors import StoreUnavailable
from services.core.storage.migrate import check
from services.ingest.assembly import Worker, assembled
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.heal.healing import Healing
from services.ingest.membership import Membership
from services.ingest.metrics import Metrics
from services.ingest.mqtt.session import Filters, Session
from services.ingest.mqtt.source import mqtt_source
from services.ingest.other_source import other_source
from services.ingest.patience import Patience
from services.ingest.serving import served
from services.ingest.source import Source, SourceError
from services.ingest.store import Store

_log = structlog.get_logger(__name__)


def run(settings: Settings, clock: Clock, stop: threading.Event, metrics: Metrics | None = None) -> None:
    """Receive and store until ``stop`` is set; finishes the open batch.

    Waits for a database or broker that cannot be reached. Raises SettingError, SchemaBehind or SchemaUnknown before it
    begins, SourceError when the broker refuses us or a thread has died, OSError when the metrics port is taken.
    """
    metrics = metrics or Metrics()
    topics = TopicFilter(settings.mqtt_topic)
    other = other_source(settings, clock, metrics)
    if other is None:
        # What cannot work is to be told before anything is waited for.
        Session(settings, Filters(topics.subscription), clock, metrics)
    else:
        # Beside a process on MQTT: its halts and its line in the ledger are its own.
        settings = settings.model_copy(update={"mqtt_client_id": f"{settings.mqtt_client_id}-{settings.source}"})
    with served(settings, metrics.registry) as serving:
        if not schema_checked(settings, Patience(stop)):
            return
        store = Store(settings, clock)
        membership = None
        source: Source | None = other
        wake = threading.Event()
        if source is None:
            membership = Membership(store, settings, topics.subscription, metrics)
            filters = begun(membership, clock, Patience(stop))
            if filters is None:
                return
            session = Session(settings, filters, clock, metrics)
            source, wake = mqtt_source(session, settings), session.reconnected
            warn_of_shared(topics)
        worker = assembled(store, topics, settings, clock, stop, metrics, settings.source)
        healing = Healing(settings, topics, clock, metrics, wake) if settings.heal_url else None
        source.start()
        if healing is not None:
            healing.start()
        _log.info("ingest_started", source=settings.source, filter=topics.subscription, name=settings.mqtt_client_id)
        try:
            work(source, worker, settings, clock, stop, lambda: _look(serving, healing), membership)
        finally:
            source.stop()
            if healing is not None:
                healing.stop()
            if membership is not None:
                with suppress(StoreUnavailable):
                    membership.end(clock())
            worker.close()
    _log.info("ingest_stopped")


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


def begun(membership: Membership, clock: Clock, patience: Patience) -> Filters | None:
    """None when told to stop before the database could be asked."""
    while True:
        try:
            return membership.begin(clock())
        except StoreUnavailable as trouble:
            _log.warning("store_unavailable", error=str(trouble))
            if not patience.wait():
                return None


def warn_of_shared(topics: TopicFilter) -> None:
    if topics.is_shared:
        _log.warning(
            "subscription_is_shared",
            what="a Mosquitto that restarts has forgotten it, and loses what it takes until a member is back",
            see="docs/reliability.md",
        )


def _look(serving: Callable[[], bool], healing: Healing | None) -> None:
    if not serving():
        raise SourceError("the thread that serves /metrics has ended")
    if healing is not None:
        healing.check()


def work(
    source: Source,
    worker: Worker,
    settings: Settings,
    clock: Clock,
    stop: threading.Event,
    look: Callable[[], None] = lambda: None,
    membership: Membership | None = None,
) -> None:
    """Batch after batch until ``stop`` is set; ``look`` is called before each, and raises when we cannot go on."""
    while not stop.is_set():
        look()
        if worker.process(source, settings.batch_messages, settings.batch_wait.total_seconds()) is None:
            return
        try:
            worker.store.tidy(clock())
            if membership is not None:
                membership.tend(clock())
        except StoreUnavailable as trouble:
            _log.warning("store_unavailable", error=str(trouble))
