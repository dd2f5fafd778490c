"""A small territory whose frames say what a test wants, and whose decoder has as many versions as a test wants.

A payload is a list of records of five bytes: quantity (0 temperature, 1 water index), minutes back (u16; 0: the
frame's own time), value (i16, tenths). A version of the decoder says which records it gives, and with what value.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import psycopg

from decoders import Decoded, DecodeError, Decoder, Frame, Reason, Value
from services.core.decoder_book import DecoderBook, Entry, TimedFrame
from services.core.decoding import Decoding, decode_frame
from services.core.domain import Flag, Outcome, Uplink
from services.core.redecoding.running import Workshop
from services.core.settings import Settings
from services.core.storage.connect import connect
from services.core.storage.inventory import devices, series_ids
from services.core.storage.uplink_blocks import next_block
from services.core.storage.writer import write_batch
from services.core.storage.writer_types import Batch, FrameRow
from services.core.times import TimeRules
from services.core.uplink_id import UplinkIds
from services.core.vocabulary import sync_vocabulary

MODEL = "test/sensor"
QUANTITIES = ("air_temperature", "water_volume_total")
START = datetime(2026, 3, 2, tzinfo=UTC)
LATE_LIMIT = timedelta(hours=6)
Version = Callable[[int, int, float], float | None]
"""(index of the record, minutes back, value) -> what this version says; None: nothing. Raises DecodeError."""


def record(quantity: int, back: int, tenths: int) -> bytes:
    return struct.pack(">BHh", quantity, back, tenths)


def records(payload: bytes) -> list[tuple[int, int, float]]:
    return [(quantity, back, tenths / 10) for quantity, back, tenths in struct.iter_unpack(">BHh", payload)]


def as_is(index: int, back: int, value: float) -> float | None:
    del index, back
    return value


def book_of(says: Version, version: str) -> DecoderBook:
    """A book with the test decoder in that version, and no other."""

    def decode(frame: Frame) -> Decoded:
        values = []
        for index, (quantity, back, value) in enumerate(records(frame.payload)):
            said = says(index, back, value)
            if said is not None:
                at = frame.received_at - timedelta(minutes=back) if back else None
                values.append(Value(QUANTITIES[quantity], said, measured_at=at))
        return Decoded(tuple(values))

    decoder = Decoder(MODEL, version, "Test", "Test", ("air",), frozenset(QUANTITIES), "this file", decode)
    return Book(decoder)


class Book(DecoderBook):
    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self._decoder = decoder

    def find(self, decoder: str | None) -> Entry | None:
        return Entry(f"{decoder}@{self._decoder.version}", self._decoder) if decoder == MODEL else None

    def ready(self) -> list[str]:
        return [MODEL]


def refuse(reason: Reason = Reason.BAD_VALUE) -> float | None:
    raise DecodeError(reason, "as the test wants")


@dataclass(frozen=True)
class Sent:
    """A frame as a device sent it; ``received_at`` when we got it."""

    dev_eui: str
    f_cnt: int
    measured_at: datetime
    payload: bytes
    received_at: datetime
    deduplication_id: UUID
    id: int


@dataclass
class Land:
    """The territory: its clock, its devices, everything sent so far."""

    url: str
    connection: psycopg.Connection
    settings: Settings
    now: datetime = START
    sent: list[Sent] = field(default_factory=list)
    version: Version = as_is
    version_name: str = "1"
    _numbers: count = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.ids = UplinkIds(lambda: next_block(self.connection))

    @property
    def book(self) -> DecoderBook:
        return book_of(self.version, self.version_name)

    def device(self, number: int, model: str = MODEL) -> str:
        dev_eui = f"{number:016x}"
        self.run(
            "INSERT INTO device_model (id, name, decoder) VALUES (%s, 'Test', %s) ON CONFLICT DO NOTHING", model, model
        )
        self.run(
            "INSERT INTO point (organisation_id, site_id, theme, name, created_at)"
            " SELECT organisation_id, id, 'air', %s, now() FROM site",
            dev_eui,
        )
        self.run(
            "INSERT INTO device (dev_eui, organisation_id, model_id, declared_at)"
            " SELECT %s, min(id), %s, now() FROM organisation",
            dev_eui, model,
        )  # fmt: skip
        self.run(
            "INSERT INTO installation (dev_eui, point_id, period)"
            " SELECT %s, id, tstzrange('2026-01-01Z', NULL) FROM point WHERE name = %s",
            dev_eui, dev_eui,
        )  # fmt: skip
        return dev_eui

    def up(
        self, dev_eui: str, payload: bytes, *, f_cnt: int, at: datetime | None = None, dedup: int | None = None
    ) -> Sent:
        """A frame received now, measured ``at``."""
        frame = Sent(
            dev_eui, f_cnt, at or self.now, payload, self.now, UUID(int=dedup or 10**6 + next(self._numbers)),
            self.ids.next(self.now),
        )  # fmt: skip
        self.sent.append(frame)
        return frame

    def ingest(self, *frames: Sent) -> None:
        """One batch through the writer of ingest, decoded by the version of today."""
        rules = TimeRules.of(self.settings)
        with connect(self.url, role="terroir_service", autocommit=True) as connection:
            known = devices(connection, {frame.dev_eui for frame in frames})
            rows = [
                FrameRow(frame.id, _uplink(frame), self._decoded(frame, known.get(frame.dev_eui), rules))
                for frame in frames
            ]
            series = series_ids(connection, (value.series for row in rows for value in row.decoding.values))
            batch = Batch(rows, [], [], series, {})
            write_batch(connection, batch, written_at=self.now, repeat_window=timedelta(0))

    def store_refused(self, *frames: Sent, model: str) -> None:
        """One batch of frames that an earlier version of the model's decoder refused."""
        refused = Decoding(Outcome.REFUSED, decoder=f"{model}@0", reason="bad_value")
        with connect(self.url, role="terroir_service", autocommit=True) as connection:
            rows = [FrameRow(frame.id, _uplink(frame), refused) for frame in frames]
            write_batch(connection, Batch(rows, [], [], {}, {}), written_at=self.now, repeat_window=timedelta(0))

    def _decoded(self, frame: Sent, device, rules: TimeRules) -> Decoding:
        timed = TimedFrame(frame.dev_eui, 1, frame.payload, frame.received_at, frame.measured_at, _flags(frame, rules))
        return decode_frame(timed, device, self.book, rules)

    def workshop(self, connection: psycopg.Connection, **more: object) -> Workshop:
        return Workshop(connection, self.settings, lambda: self.now, book=self.book, **more)

    def run(self, statement: str, *values: object) -> None:
        self.connection.execute(statement.encode(), values)

    def value(self, statement: str, *values: object) -> object:
        return self.connection.execute(statement.encode(), values).fetchone()[0]

    def rows(self, statement: str, *values: object) -> list[tuple]:
        return self.connection.execute(statement.encode(), values).fetchall()

    def readings(self) -> dict[tuple[str, str, datetime], tuple[float, int, int]]:
        """(device, quantity, time) -> (value, flags, uplink)."""
        rows = self.rows(
            "SELECT i.dev_eui, s.quantity, r.measured_at, r.value, r.flags, r.uplink FROM reading r"
            " JOIN series s ON s.id = r.series JOIN installation i ON i.point_id = s.point_id"
        )
        return {(dev_eui, quantity, at): (value, flags, uplink) for dev_eui, quantity, at, value, flags, uplink in rows}

    def clear(self) -> None:
        """Forget everything received, for the next example of a property."""
        self.run(
            "TRUNCATE uplink, reception, reading, latest, seen, recent_frame, uplink_pending, device_state, batch,"
            " batch_cursor, series, installation, calibration, device, decode_run, uplink_decode, redecode,"
            " redecode_previous, redecode_pending, point CASCADE"
        )
        if self.value("SELECT relkind FROM pg_class WHERE oid = 'reading_hour'::regclass") in ("r", b"r"):
            self.run("TRUNCATE reading_hour, reading_day")
        self.sent.clear()
        self.now, self.version, self.version_name = START, as_is, "1"


def _flags(frame: Sent, rules: TimeRules) -> Flag:
    return Flag(rules.lateness(frame.measured_at, frame.received_at))


def _uplink(frame: Sent) -> Uplink:
    return Uplink(
        # An address of its own: no frame is a repetition of another here.
        key=frame.deduplication_id.bytes, dev_eui=frame.dev_eui, dev_addr=f"{frame.id & 0xFFFFFFFF:08x}",
        deduplication_id=frame.deduplication_id,
        received_at=frame.received_at, measured_at=frame.measured_at,
        flags=Flag.LATE if frame.received_at - frame.measured_at > timedelta(hours=1) else Flag(0),
        timely=True, f_cnt=frame.f_cnt, f_port=1, payload=frame.payload, confirmed=False, encrypted=False, dr=5,
        frequency=868100000, spreading_factor=7, receptions=(), application_id="a", device_name="d", profile_name="p",
        object_json=None, source="test",
    )  # fmt: skip


def make_land(url: str) -> Land:
    connection = connect(url, autocommit=True)
    sync_vocabulary(connection)
    connection.execute("INSERT INTO organisation (name, created_at) VALUES ('Commune', now())")
    connection.execute("INSERT INTO site (organisation_id, name) SELECT id, 'École' FROM organisation")
    return Land(url, connection, Settings(database_url=url, late_limit=LATE_LIMIT))


def hours(count: float) -> timedelta:
    return timedelta(hours=count)
