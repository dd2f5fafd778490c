"""A process says which session it serves, gives up filters it had before, and looks for sessions nobody serves."""

from datetime import datetime, timedelta

import structlog

from services.core.settings import Settings
from services.core.storage.ingest_sessions import (
    drop_other_filters,
    idle_sessions,
    note_session,
    session_filters,
    unattended_sessions,
)
from services.ingest.metrics import Metrics
from services.ingest.mqtt.session import Filters
from services.ingest.store import Store

SAY_EVERY = timedelta(seconds=30)
LOOK_EVERY = timedelta(minutes=5)

_log = structlog.get_logger(__name__)


class Membership:
    """What it writes is small and rare; for the thread that stores."""

    def __init__(self, store: Store, settings: Settings, subscription: str, metrics: Metrics) -> None:
        self._store = store
        self._client_id = settings.mqtt_client_id
        self._expiry = settings.mqtt_session_expiry
        self._subscription = subscription
        self._metrics = metrics
        self._say_at: datetime | None = None
        self._look_at: datetime | None = None
        self._filters: Filters | None = None
        self._to_drop = False

    def begin(self, now: datetime) -> Filters:
        """Before the first connection, so that no filter of the session is ever unknown.

        Raises as ``Store.reached``.
        """
        with self._store.reached() as connection:
            note_session(connection, self._client_id, self._subscription, now, served=True)
            known = [one.filter for one in session_filters(connection, self._client_id)]
        unwanted = tuple(name for name in known if name != self._subscription)
        if unwanted:
            _log.info("filter_changed", client_id=self._client_id, filter=self._subscription, given_up=unwanted)
        self._filters, self._to_drop = Filters(self._subscription, unwanted), bool(unwanted)
        return self._filters

    def tell_of_others(self, now: datetime) -> None:
        """Sessions that brokers keep for us and that nobody serves now: those of workers we had, perhaps.

        Raises as ``Store.reached``.
        """
        with self._store.reached() as connection:
            for session in idle_sessions(connection, self._client_id, now):
                _log.warning("session_left", client_id=session.client_id, what=session.warning(self._expiry))

    def tend(self, now: datetime) -> None:
        """Now and then. Raises as ``Store.reached``."""
        if self._say_at is None or now >= self._say_at:
            with self._store.reached() as connection:
                note_session(connection, self._client_id, self._subscription, now, served=True)
            self._say_at = now + SAY_EVERY
        if self._to_drop and self._filters is not None and self._filters.settled.is_set():
            with self._store.reached() as connection:
                drop_other_filters(connection, self._client_id, self._subscription)
            self._to_drop = False
        if self._look_at is None or now >= self._look_at:
            with self._store.reached() as connection:
                unattended = unattended_sessions(connection, now)
            self._metrics.unattended.set(len(unattended))
            for session in unattended:
                _log.warning("session_unattended", client_id=session.client_id, what=session.warning(self._expiry))
            self._look_at = now + LOOK_EVERY

    def end(self, now: datetime) -> None:
        """The process ends in order, so that the session may be drained at once. Raises as ``Store.reached``."""
        with self._store.reached() as connection:
            note_session(connection, self._client_id, self._subscription, now, served=False)
