"""Reading the store through cursors that hold little at a time, all in one snapshot."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import NamedTuple, Self

from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow

from services.core.storage.connect import connect
from services.core.storage.ledger import Platform, PlatformCount
from services.core.storage.migrate import check
from services.core.storage.queries import load

_ROWS_AT_A_TIME = 5000


class StoredUplink(NamedTuple):
    """A row of `uplink`; `receptions` counts its rows in `reception`, `outcome` is the newest, `declared` of today.

    `again`: it has been decoded again since it came.
    """

    deduplication_id: str
    id: int
    dev_eui: str
    dev_addr: str
    f_cnt: int
    f_port: int
    payload: bytes
    gateway_count: int
    receptions: int
    measured_at: datetime
    outcome: str
    declared: bool
    received_at: datetime
    again: bool


class StoredFrame(NamedTuple):
    """A frame with more than one row, or one that was set aside as a repetition."""

    dev_eui: str
    dev_addr: str
    f_cnt: int
    originals: int
    repeats: int


class StoredEvent(NamedTuple):
    """A row of `device_event`."""

    digest: bytes
    dev_eui: str
    event: str
    received_at: datetime


class Quarantined(NamedTuple):
    """A row of `quarantine`."""

    digest: bytes
    topic: str
    id: int
    reason: str
    detail: str
    received_at: datetime


class StoredReading(NamedTuple):
    """A row of `reading`. `installed`: the device at that point and time.

    `deduplication_id` and `received_at` are of the frame it names.
    """

    dev_eui: str
    quantity: str
    channel: str
    measured_at: datetime
    value: float
    flags: int
    implausible: bool
    uplink: int
    deduplication_id: str | None
    installed: str | None
    received_at: datetime | None


class StoredShown(NamedTuple):
    """A value that the store derives from a reading and the parameters of the installation."""

    dev_eui: str
    quantity: str
    channel: str
    measured_at: datetime
    value: float


class LedgerDay(NamedTuple):
    """A row of `ledger_day` on which anything was counted."""

    dev_eui: str
    day: date
    received: int
    lost: int
    repeats: int
    late: int
    refused: int
    unknown: int
    duplicates: int
    quarantined: int


class LedgerState(NamedTuple):
    """`kept`: a worker has begun to; `batches` and `notes`: what it has not read; `worker`: it is connected now."""

    kept: bool
    batches: int
    notes: bool
    worker: bool


class Store:
    """A snapshot of the database, streamed."""

    def __init__(self, connection: Connection[TupleRow]) -> None:
        self._connection = connection
        self._queries = load("verify")

    @classmethod
    @contextmanager
    def open(cls, conninfo: str) -> Generator[Self]:
        """Raises SchemaBehind, SchemaUnknown, psycopg.Error."""
        check(conninfo)
        with connect(conninfo, role="terroir_service", application_name="terroir-verify") as connection:
            connection.execute(load("verify")["for_large_results"])
            connection.commit()
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            yield cls(connection)

    def _stream(self, name: str, **parameters: object) -> Iterator[TupleRow]:
        with self._connection.cursor(name, binary=True) as cursor:
            cursor.itersize = _ROWS_AT_A_TIME
            cursor.execute(self._queries[name], parameters or None)
            yield from cursor

    def uplinks(self) -> Iterator[StoredUplink]:
        return map(StoredUplink._make, self._stream("uplinks"))

    def handed(self) -> Iterator[tuple[str, str, int, str, datetime, int, bool]]:
        """Every frame as `Manifest.bind` takes it."""
        return iter(self._stream("handed_frames"))

    def frames(self) -> Iterator[StoredFrame]:
        return map(StoredFrame._make, self._stream("repeated_frames"))

    def events(self) -> Iterator[StoredEvent]:
        return map(StoredEvent._make, self._stream("device_events"))

    def quarantine(self) -> Iterator[Quarantined]:
        return map(Quarantined._make, self._stream("quarantined"))

    def told(self) -> Iterator[tuple[str, str, str, int]]:
        """dev_eui, event, address of a join or code of a log entry, how many."""
        return iter(self._stream("told_by_the_server"))

    def shown(self) -> Iterator[StoredShown]:
        return map(StoredShown._make, self._stream("derived_values"))

    def readings(self) -> Iterator[StoredReading]:
        return map(StoredReading._make, self._stream("readings"))

    def ledger_state(self) -> LedgerState:
        """Of this snapshot; `worker` of this moment."""
        row = self._connection.execute(self._queries["ledger_state"]).fetchone()
        return LedgerState(False, 0, False, False) if row is None else LedgerState(*row)

    def ask_for_ledger(self) -> None:
        """Tells the worker, when this snapshot is closed, that somebody waits for the ledger."""
        self._connection.execute(self._queries["ask_for_ledger"])

    def ledger_days(self, first: date) -> Iterator[LedgerDay]:
        """From the first day on, by device."""
        return map(LedgerDay._make, self._stream("ledger_days", first=first))

    def platform(self, first: date) -> Platform:
        """The platform's own line from the first day on."""
        sql, days = load("ledger_read"), {"first": first, "last": date.max}
        counts = [PlatformCount(*row) for row in self._connection.execute(sql["platform"], days)]
        lost = self._connection.execute(sql["lost_inside"], days).fetchone()
        return Platform(counts, int(lost[0]) if lost else 0)
