"""Messages in quarantine: found, shown, taken for a replay, marked, and forgotten after their time."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from services.core.domain import DeviceEvent, Uplink
from services.core.storage.arrays import Uuids, uuids
from services.core.storage.queries import load
from services.core.uplink_id import BLOCK


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; None: any. ``dev_eui`` in lower case, [``from_at``, ``to_at``) of the time of receipt.

    ``topic`` and ``contains`` (in the body) are parts, without wildcards.
    """

    reason: str | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None
    dev_eui: str | None = None
    topic: str | None = None
    contains: bytes | None = None
    resolved: bool | None = False

    def parameters(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}


class ReasonCount(NamedTuple):
    reason: str
    messages: int
    first_at: datetime
    last_at: datetime


class DayCount(NamedTuple):
    day: date
    reason: str
    messages: int
    devices: int


@dataclass(frozen=True, slots=True)
class Line:
    """A message in a list; ``resolved_as`` is "stored" or "duplicate" once a replay has mended it."""

    id: int
    received_at: datetime
    reason: str
    detail: str
    topic: str
    bytes: int
    resolved_as: str | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A whole message and what replays made of it."""

    id: int
    received_at: datetime
    source: str
    topic: str
    reason: str
    detail: str
    body: bytes
    retried_at: datetime | None
    retried_by: str | None
    retried_reason: str | None
    retried_detail: str | None
    resolved_at: datetime | None
    resolved_as: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message to be replayed. ``key`` is the one it was quarantined under."""

    id: int
    received_at: datetime
    key: UUID
    topic: str
    reason: str
    body: bytes


class Size(NamedTuple):
    """``database_bytes`` is None where our role may not ask."""

    messages: int
    recent: int
    bytes: int
    database_bytes: int | None


def reasons(connection: Connection[TupleRow], search: Search) -> list[ReasonCount]:
    """By number of messages. This and all below raise psycopg.Error."""
    return [ReasonCount(*row) for row in connection.execute(load("quarantine")["reasons"], search.parameters())]


def days(connection: Connection[TupleRow], search: Search) -> list[DayCount]:
    """By day (UTC) and reason, newest first."""
    return [DayCount(*row) for row in connection.execute(load("quarantine")["days"], search.parameters())]


def newest(connection: Connection[TupleRow], search: Search, limit: int, before: int | None) -> list[Line]:
    """The newest that are found, of those with an id below ``before``."""
    with connection.cursor(row_factory=class_row(Line)) as cursor:
        return cursor.execute(
            load("quarantine")["newest"], search.parameters() | {"limit": limit, "before": before}
        ).fetchall()


def message(connection: Connection[TupleRow], number: int) -> Kept | None:
    with connection.cursor(row_factory=class_row(Kept)) as cursor:
        return cursor.execute(load("quarantine")["message"], {"id": number}).fetchone()


def replay_extent(connection: Connection[TupleRow], search: Search, number: int | None) -> tuple[int, int]:
    """How many messages wait, and the id of the last of them (0 when none does)."""
    row = connection.execute(load("quarantine")["replay_extent"], search.parameters() | {"id": number}).fetchone()
    return (row[0], row[1] or 0) if row else (0, 0)


def waiting(
    connection: Connection[TupleRow], search: Search, number: int | None, last: int, portion: int
) -> Iterator[list[Waiting]]:
    """Those that wait up to the id ``last``, some at a time, by keyset: what is resolved meanwhile changes nothing."""
    after = 0
    while True:
        with connection.cursor(row_factory=class_row(Waiting)) as cursor:
            found = cursor.execute(
                load("quarantine")["replay_next"],
                search.parameters() | {"id": number, "after": after, "last": last, "limit": portion},
            ).fetchall()
        if not found:
            return
        after = found[-1].id
        yield found


def take(connection: Connection[TupleRow], ids: Collection[int]) -> set[int]:
    """Lock messages until the end of the transaction; those that another replay has resolved are not among them."""
    rows = connection.execute(load("quarantine")["take"], {"ids": sorted(ids)})
    return {number for (number,) in rows}


def resolve(connection: Connection[TupleRow], resolved: Mapping[int, str], at: datetime, release: str) -> None:
    """Mark messages that are uplinks or events now: "stored" by this replay, or "duplicate" of what was there."""
    ids = sorted(resolved)
    connection.execute(
        load("quarantine")["resolve"],
        {"ids": ids, "resolved_as": [resolved[number] for number in ids], "at": at, "release": release},
    )


def keep(connection: Connection[TupleRow], still: Mapping[int, tuple[str, str]], at: datetime, release: str) -> None:
    """Note why messages are still bad: (reason, detail) by id. What they were quarantined for stays as it was."""
    ids = sorted(still)
    connection.execute(
        load("quarantine")["keep"],
        {
            "ids": ids,
            "reasons": [still[number][0] for number in ids],
            "details": [still[number][1] for number in ids],
            "at": at,
            "release": release,
        },
    )


def known_keys(connection: Connection[TupleRow], keys: Sequence[bytes]) -> set[bytes]:
    """Which of the idempotency keys have been seen."""
    return set(uuids(connection, load("quarantine")["seen_of"], {"keys": Uuids(keys)}))


def stored_already(
    connection: Connection[TupleRow], uplinks: Sequence[Uplink], events: Sequence[DeviceEvent], span: timedelta
) -> set[bytes]:
    """Keys of those stored, received at most ``span`` before or after: for when ``seen`` has forgotten them."""
    sql = load("quarantine")
    found: set[bytes] = set()
    if uplinks:
        frames = {
            "dev_eui": [uplink.dev_eui for uplink in uplinks],
            "deduplication_id": [uplink.deduplication_id for uplink in uplinks],
            "received_at": [uplink.received_at for uplink in uplinks],
            "span": span,
        }
        places = connection.execute(sql["stored_frames"], frames).fetchall()
        found |= {uplinks[int(place) - 1].key for (place,) in places}
    if events:
        others = {
            "dev_eui": [event.dev_eui for event in events],
            "event": [event.event for event in events],
            "body": [event.body for event in events],
            "received_at": [event.received_at for event in events],
            "span": span,
        }
        places = connection.execute(sql["stored_events"], others).fetchall()
        found |= {events[int(place) - 1].key for (place,) in places}
    return found


def size(connection: Connection[TupleRow], since: datetime) -> Size:
    """``recent``: messages received since ``since``. Bytes on disk, indexes included."""
    row = connection.execute(load("quarantine")["size"], {"since": since}).fetchone()
    return Size(*(row or (0, 0, 0, 0)))


def decoder_crashes(connection: Connection[TupleRow], since: datetime) -> list[tuple[str, int]]:
    """Decoders (id@version) that crashed on frames received since a time, and on how many."""
    return [
        (str(name), count)
        for name, count in connection.execute(load("quarantine")["decoder_crashes"], {"since": since})
    ]


def prune_quarantine(connection: Connection[TupleRow], before: datetime, rows: int) -> int:
    """Remove at most ``rows`` messages received before ``before``; returns how many."""
    return connection.execute(load("quarantine")["prune"], {"before": before, "rows": rows}).rowcount


def prune_resolved(connection: Connection[TupleRow], before: datetime, rows: int) -> int:
    """Remove at most ``rows`` messages that a replay resolved before ``before``; returns how many."""
    return connection.execute(load("quarantine")["prune_resolved"], {"before": before, "rows": rows}).rowcount


def prune_strangers(connection: Connection[TupleRow], before: datetime, rows: int) -> int:
    """Let at most ``rows`` frames of undeclared devices from before ``before`` wait no longer; returns how many."""
    wanted = {"before": before, "rows": rows, "block": BLOCK}
    return connection.execute(load("quarantine")["prune_strangers"], wanted).rowcount
