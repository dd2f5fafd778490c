"""Emptying a session that shall not be served any more: it is unsubscribed, what it holds stored, and closed."""

import threading
from dataclasses import dataclass

import structlog

from services.core.clock import Clock
from services.core.settings import Settings
from services.core.storage.ingest_sessions import UNATTENDED_AFTER, forget_session, session_filters
from services.ingest.assembly import Worker, assembled
from services.ingest.chirpstack_topic import SHARE_GROUP, TopicFilter
from services.ingest.metrics import Metrics
from services.ingest.mqtt.session import Filters, Session
from services.ingest.mqtt.source import MqttSource, mqtt_source
from services.ingest.source import SourceError
from services.ingest.store import Store

QUIET_TURNS = 3
"""How often nothing must come within a second before a session counts as empty."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Drained:
    """``messages`` were stored. Not ``present``: the broker had no such session. ``recorded``: we knew of one.

    Not ``finished``: it was stopped before the end; the session and what is left in it stay.
    """

    messages: int
    present: bool
    recorded: bool
    finished: bool


def drain(settings: Settings, client_id: str, clock: Clock, stop: threading.Event, *, force: bool = False) -> Drained:
    """Store what the broker holds under that client id and close its session.

    Raises SourceError when a living process serves it, unless ``force``, and as ``run``; StoreUnavailable.
    """
    settings = settings.model_copy(update={"mqtt_client_id": client_id})
    metrics = Metrics()
    topics = TopicFilter(settings.mqtt_topic)
    store = Store(settings, clock)
    try:
        with store.reached() as connection:
            known = session_filters(connection, client_id)
        served_at = max((one.last_seen_at for one in known if one.served), default=None)
        if served_at is not None and clock() - served_at < UNATTENDED_AFTER and not force:
            raise SourceError(
                f"{client_id} was served {(clock() - served_at).total_seconds():.0f} s ago: stop its process first; "
                "when it was killed, wait five minutes or add --force"
            )
        plain = topics.subscription.split("/", 2)[2] if topics.is_shared else topics.subscription
        unwanted = tuple(
            sorted({*(one.filter for one in known), topics.subscription, plain, f"$share/{SHARE_GROUP}/{plain}"})
        )
        session = Session(settings, Filters(None, unwanted), clock, metrics)
        source = mqtt_source(session, settings)
        worker = assembled(store, topics, settings, clock, stop, metrics)
        source.start()
        finished = False
        try:
            messages, finished = _emptied(source, session, worker, settings, stop)
        finally:
            # In disorder the session stays: its messages are nowhere else.
            source.stop(for_good=finished)
            worker.runner.close()
        if finished:
            with store.reached() as connection:
                forget_session(connection, client_id)
    finally:
        store.close()
    return Drained(messages, bool(session.present_at_first), bool(known), finished)


def _emptied(
    source: MqttSource, session: Session, worker: Worker, settings: Settings, stop: threading.Event
) -> tuple[int, bool]:
    messages = quiet = 0
    while quiet < QUIET_TURNS:
        found = worker.process(source, settings.batch_messages, settings.batch_wait.total_seconds())
        if found is None or stop.is_set():
            return messages, False
        messages += found
        # Silence means something only while the broker speaks to us, and has nothing new for us.
        quiet = quiet + 1 if session.ready and not found else 0
    return messages, True
