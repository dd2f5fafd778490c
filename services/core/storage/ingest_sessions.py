"""Sessions that brokers keep for ingest: who serves them, with which filter, and which nobody serves."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from services.core.storage.queries import load

UNATTENDED_AFTER = timedelta(minutes=5)
"""A living process says so every half minute."""


@dataclass(frozen=True, slots=True)
class Unattended:
    """A session nobody has served since."""

    client_id: str
    last_seen_at: datetime

    def warning(self, expiry: timedelta) -> str:
        """What it means and what to do, in a line. ``expiry``: how long the broker keeps the session."""
        lost_at = (self.last_seen_at + expiry).isoformat(timespec="minutes")
        return (
            f"nobody serves the session {self.client_id} since {self.last_seen_at.isoformat(timespec='minutes')}: "
            f"a dead shared-subscription member keeps its share, and loses it at expiry ({lost_at}); "
            f"start it again, or run: terroir ingest --drain {self.client_id}"
        )


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """What a session may be subscribed to. ``served``: its process has not ended in order."""

    filter: str
    last_seen_at: datetime
    served: bool


def note_session(
    connection: Connection[TupleRow], client_id: str, subscription: str, now: datetime, *, served: bool
) -> None:
    connection.execute(
        load("ingest_sessions")["note_session"],
        {"client_id": client_id, "filter": subscription, "now": now, "served": served},
    )


def session_filters(connection: Connection[TupleRow], client_id: str) -> list[SessionFilter]:
    with connection.cursor(row_factory=class_row(SessionFilter)) as cursor:
        cursor.execute(load("ingest_sessions")["session_filters"], {"client_id": client_id})
        return cursor.fetchall()


def drop_other_filters(connection: Connection[TupleRow], client_id: str, subscription: str) -> None:
    connection.execute(load("ingest_sessions")["drop_other_filters"], {"client_id": client_id, "filter": subscription})


def forget_session(connection: Connection[TupleRow], client_id: str) -> None:
    connection.execute(load("ingest_sessions")["forget_session"], {"client_id": client_id})


def idle_sessions(connection: Connection[TupleRow], client_id: str, now: datetime) -> list[Unattended]:
    """Those of other names that ended in order, or have not been served lately."""
    with connection.cursor(row_factory=class_row(Unattended)) as cursor:
        cursor.execute(
            load("ingest_sessions")["idle_sessions"], {"client_id": client_id, "before": now - UNATTENDED_AFTER}
        )
        return cursor.fetchall()


def unattended_sessions(connection: Connection[TupleRow], now: datetime) -> list[Unattended]:
    with connection.cursor(row_factory=class_row(Unattended)) as cursor:
        cursor.execute(load("ingest_sessions")["unattended_sessions"], {"before": now - UNATTENDED_AFTER})
        return cursor.fetchall()
