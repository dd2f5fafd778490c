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
from services.verify.part import Part

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


class FrameOf(NamedTuple):
    """Of which frame a reading is."""

    dev_eui: str
    deduplication_id: str
    received_at: datetime


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

    def of(self, frame: FrameOf | None) -> "StoredReading | None":
        """The same, now that its frame is known, or known not to be stored."""
        if frame is None:
            return self
        return self._replace(
            dev_eui=frame.dev_eui, deduplication_id=frame.deduplication_id, received_at=frame.received_at
        )


class StoredShown(NamedTuple):
    """A value that the store derives from a reading and the parameters of the installation."""

    dev_eui: str
    quantity: str
    channel: str
    measured_at: datetime
    value: float
    uplink: int
    deduplication_id: str | None

    def of(self, frame: FrameOf | None) -> "StoredShown | None":
        """As of a reading; nothing is shown of a frame that is not stored."""
        if frame is None:
            return None
        return self._replace(dev_eui=frame.dev_eui, deduplication_id=frame.deduplication_id)


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

    def weights(self) -> dict[str, int]:
        """How many frames there are of each device, as ingest counted them."""
        return dict(self._connection.execute(self._queries["frames_of_devices"]).fetchall())

    def uplinks(self, part: Part) -> Iterator[StoredUplink]:
        return map(StoredUplink._make, self._stream("uplinks", low=part.low, high=part.high))

    def handed(self) -> Iterator[tuple[str, str, int, str, datetime, int, bool]]:
        """Every frame as `Manifest.bind` takes it."""
        return iter(self._stream("handed_frames"))

    def frames(self, part: Part) -> Iterator[StoredFrame]:
        return map(StoredFrame._make, self._stream("repeated_frames", low=part.low, high=part.high))

    def frames_by_id(self, ids: set[int]) -> dict[int, FrameOf]:
        """Those of them that are stored. There is no index for it: all frames are read."""
        found = self._connection.execute(self._queries["frames_by_id"], {"ids": list(ids)})
        return {row[0]: FrameOf(*row[1:]) for row in found}

    def events(self, part: Part) -> Iterator[StoredEvent]:
        return map(StoredEvent._make, self._stream("device_events", low=part.low, high=part.high))

    def quarantine(self) -> Iterator[Quarantined]:
        return map(Quarantined._make, self._stream("quarantined"))

    def told(self) -> Iterator[tuple[str, str, str, int]]:
        """dev_eui, event, address of a join or code of a log entry, how many."""
        return iter(self._stream("told_by_the_server"))

    def shown(self, part: Part) -> Iterator[StoredShown]:
        return map(StoredShown._make, self._stream("derived_values", **self._points(part)))

    def readings(self, part: Part) -> Iterator[StoredReading]:
        """Of a part: without `deduplication_id` where the frame is of no device that ever was at the point.

        Those stand in one of the parts that the devices at the point are of.
        """
        return map(StoredReading._make, self._stream("readings", **self._points(part)))

    def _points(self, part: Part) -> dict[str, object]:
        """Series of points where a device of the part ever was, and all devices that ever were at these points."""
        bounds: dict[str, object] = {"low": part.low, "high": part.high}
        if part.whole:
            return bounds | {"series": None, "owned": None, "devices": None}
        rows = self._connection.execute(self._queries["series_of_devices"], bounds).fetchall()
        return bounds | {
            "series": [series for series, _, _ in rows],
            "owned": [series for series, first, _ in rows if part.has(first)],
            "devices": sorted({dev_eui for _, _, devices in rows for dev_eui in devices}),
        }

    def ledger_state(self) -> LedgerState:
        """Of this snapshot; `worker` of this moment."""
        row = self._connection.execute(self._queries["ledger_state"]).fetchone()
        return LedgerState(False, 0, False, False) if row is None else LedgerState(*row)

    def ask_for_ledger(self) -> None:
        """Tells the worker, when this snapshot is closed, that somebody waits for the ledger."""
        self._connection.execute(self._queries["ask_for_ledger"])

    def ledger_days(self, first: date, part: Part) -> Iterator[LedgerDay]:
        """From the first day on, by device."""
        return map(LedgerDay._make, self._stream("ledger_days", first=first, low=part.low, high=part.high))

    def platform(self, first: date) -> Platform:
        """The platform's own line from the first day on."""
        sql, days = load("ledger_read"), {"first": first, "last": date.max}
        counts = [PlatformCount(*row) for row in self._connection.execute(sql["platform"], days)]
        lost = self._connection.execute(sql["lost_inside"], days).fetchone()
        return Platform(counts, int(lost[0]) if lost else 0)
