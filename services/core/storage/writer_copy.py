"""Rows appended as they are: binary COPY, the cheapest way into a table that nothing in the batch can collide with."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from services.core.domain import PENDING, DeviceEvent, Outcome, Reception, Rejected
from services.core.storage.queries import load
from services.core.storage.writer_types import FrameRow

# What each column is on the wire, in the order of the statement; an enum is its label.
_UPLINK = (
    *("timestamptz", "int8", "timestamptz", "int8", "uuid", "int8", "float4", "text", "int2", "int2", "int2"),
    *("int2", "int2", "int2", "bool", "text", "text", "bytea", "text", "text", "text", "jsonb"),
)
_RECEPTION = ("timestamptz", "int8", "int4", "float4", "int2", "int2")
_EVENT = ("timestamptz", "timestamptz", "text", "text", "uuid", "text", "bytea", "jsonb")
_QUARANTINE = ("timestamptz", "uuid", "text", "text", "text", "text", "bytea")
_PENDING = ("text", "int8", "timestamptz", "text")


def copy_frames(connection: Connection[TupleRow], frames: Iterable[FrameRow]) -> None:
    """Table ``uplink``."""
    _copy(connection, "copy_uplinks", _UPLINK, map(_uplink_row, frames))


def copy_receptions(connection: Connection[TupleRow], frames: Iterable[FrameRow], gateways: Mapping[str, int]) -> None:
    """Table ``reception``; ``gateways`` has the id of every gateway."""
    rows = (
        (frame.uplink.received_at, frame.id, gateways[copy.gateway], copy.snr, copy.rssi, copy.channel)
        for frame in frames
        for copy in frame.uplink.receptions
    )
    _copy(connection, "copy_receptions", _RECEPTION, rows)


def copy_events(connection: Connection[TupleRow], events: Iterable[DeviceEvent]) -> None:
    """Table ``device_event``."""
    rows = (
        (
            e.received_at,
            e.measured_at,
            e.dev_eui,
            e.event,
            e.deduplication_id,
            e.encoding,
            e.body,
            Jsonb(dict(e.detail)),
        )
        for e in events
    )
    _copy(connection, "copy_events", _EVENT, rows)


def copy_quarantine(connection: Connection[TupleRow], rejected: Iterable[Rejected]) -> None:
    """Table ``quarantine``."""
    rows = ((r.received_at, UUID(bytes=r.key), r.source, r.topic, r.reason, r.detail, r.body) for r in rejected)
    _copy(connection, "copy_quarantine", _QUARANTINE, rows)


def copy_pending(connection: Connection[TupleRow], frames: Iterable[FrameRow]) -> None:
    """Table ``uplink_pending``, of those that are."""
    rows = (
        (frame.uplink.dev_eui, frame.id, frame.uplink.measured_at, frame.outcome.value)
        for frame in frames
        if frame.outcome in PENDING
    )
    _copy(connection, "copy_pending", _PENDING, rows)


def best(receptions: tuple[Reception, ...]) -> Reception | None:
    """The copy heard best: by signal to noise where it is known, else by strength."""
    return max(receptions, key=lambda copy: (copy.snr is not None, copy.snr or 0.0, copy.rssi), default=None)


def _uplink_row(frame: FrameRow) -> tuple[object, ...]:
    uplink, decoding = frame.uplink, frame.decoding
    heard = best(uplink.receptions)
    has_object = uplink.object_json is not None and frame.outcome is not Outcome.REPEAT
    return (
        uplink.received_at,
        frame.id,
        uplink.measured_at,
        uplink.f_cnt,
        uplink.deduplication_id,
        uplink.frequency,
        heard.snr if heard else None,
        frame.outcome.value,
        uplink.f_port,
        uplink.dr,
        uplink.spreading_factor,
        heard.rssi if heard else None,
        len({copy.gateway for copy in uplink.receptions}),
        int(uplink.flags),
        uplink.confirmed,
        uplink.dev_eui,
        uplink.dev_addr,
        uplink.payload,
        decoding.decoder,
        decoding.reason,
        uplink.source,
        Jsonb(uplink.object_json, dumps=str) if has_object else None,
    )


def _copy(
    connection: Connection[TupleRow], statement: str, types: Sequence[str], rows: Iterable[tuple[object, ...]]
) -> None:
    rows = list(rows)
    if not rows:
        return
    with connection.cursor() as cursor, cursor.copy(load("writer")[statement]) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)
