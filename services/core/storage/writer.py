"""One batch, one transaction: everything ingest stores goes through ``write_batch``.

Tables are touched in one order and rows in order of their keys (``sql/queries/writer.sql``). Only what is seen for the
first time has side effects.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta

import psycopg
from psycopg import Connection
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from services.core.decoding import SeriesKey
from services.core.storage.arrays import Int4s, Times, Uuids, uuids
from services.core.storage.queries import load
from services.core.storage.uplink_blocks import note_blocks
from services.core.storage.writer_copy import (
    copy_events,
    copy_frames,
    copy_pending,
    copy_quarantine,
    copy_receptions,
)
from services.core.storage.writer_heard import move_devices, move_gateways
from services.core.storage.writer_ledger import note_ledger
from services.core.storage.writer_readings import candidates, move_latest, store_readings, written
from services.core.storage.writer_repeats import marked_repeats
from services.core.storage.writer_types import (
    Batch,
    Candidate,
    FrameRow,
    ReadingsStored,
    ReadingsWritten,
    Written,
)


def write_batch(
    connection: Connection[TupleRow],
    batch: Batch,
    *,
    written_at: datetime,
    repeat_window: timedelta,
    meanwhile: Callable[[], None] = lambda: None,
) -> Written:
    """Store what was not stored before, all or nothing; committed when this returns (``connection`` in autocommit).

    ``meanwhile`` is called while the server executes the last statements and commits; it must not raise, nor use
    ``connection``.

    Within a transaction of the caller's it is part of that one, which must end when this raises.

    Raises psycopg.Error; then nothing is stored, unless the connection broke while committing.
    """
    outermost = connection.info.transaction_status == TransactionStatus.IDLE
    try:
        with ExitStack() as ending:
            with connection.transaction():
                first_seen, frames, stored = _appended(connection, batch, written_at, repeat_window)
                # From here on no answer is needed for what is asked next.
                ending.enter_context(connection.pipeline())
                _moved(connection, batch, first_seen, frames, stored, written_at)
            meanwhile()
    except psycopg.Error:
        # What follows an error in a pipeline is not executed, the end of the transaction neither.
        if outermost and not connection.broken:
            connection.rollback()
        raise
    repeats = frozenset(frame.uplink.key for frame in frames if frame.repeat)
    return Written(first_seen, repeats, len(stored.readings), stored.conflicts)


def _appended(
    connection: Connection[TupleRow], batch: Batch, written_at: datetime, repeat_window: timedelta
) -> tuple[frozenset[bytes], list[FrameRow], ReadingsStored]:
    """Keys and frames that are new, and the readings made of them."""
    with connection.pipeline():
        connection.execute(load("decode_runs")["share_readings"])
        note_blocks(connection, ((frame.id, frame.uplink.received_at) for frame in batch.frames))
    keys = {row.key for rows in ([f.uplink for f in batch.frames], batch.events, batch.rejected) for row in rows}
    first_seen = _claim(connection, keys, written_at)
    frames = _first_of_each(batch.frames, first_seen)
    frames = marked_repeats(connection, frames, repeat_window)
    copy_frames(connection, frames)
    copy_receptions(connection, frames, batch.gateways)
    copy_events(connection, {e.key: e for e in batch.events if e.key in first_seen}.values())
    copy_quarantine(connection, {r.key: r for r in batch.rejected if r.key in first_seen}.values())
    copy_pending(connection, frames)
    return first_seen, frames, store_readings(connection, _candidates(frames, batch.series))


def _moved(
    connection: Connection[TupleRow],
    batch: Batch,
    first_seen: frozenset[bytes],
    frames: Sequence[FrameRow],
    stored: ReadingsStored,
    written_at: datetime,
) -> None:
    """What follows from them for the rows that many batches share."""
    move_latest(connection, stored)
    if frames:
        note_batch(connection, "ingest", written_at, frames, written(stored))
        move_devices(connection, frames)
        move_gateways(connection, frames, batch.gateways)
    note_ledger(connection, batch, first_seen, frames)


def note_batch(
    connection: Connection[TupleRow], kind: str, at: datetime, frames: Sequence[FrameRow], readings: ReadingsWritten
) -> None:
    """A row for the consumers of the change feed, and a hint that it is there."""
    touched = sorted(readings.touched.items())
    ids = [frame.id for frame in frames]
    received = [frame.uplink.received_at for frame in frames]
    sql = load("writer")
    connection.execute(
        sql["note_batch"],
        {
            "kind": kind,
            "committed_at": at,
            "first_uplink": min(ids, default=None),
            "last_uplink": max(ids, default=None),
            "first_received": min(received, default=None),
            "last_received": max(received, default=None),
            "series": Int4s([series for series, _ in touched]),
            "from_at": Times([first for _, (first, _) in touched]),
            "to_at": Times([last for _, (_, last) in touched]),
        },
    )
    connection.execute(sql["notify_batch"])


def keep_durable(connection: Connection[TupleRow]) -> None:
    """Make commits of this connection wait for the disk, should the server's default not."""
    connection.execute(load("writer")["keep_durable"])


def _claim(connection: Connection[TupleRow], keys: Iterable[bytes], seen_at: datetime) -> frozenset[bytes]:
    given = {"keys": Uuids(sorted(keys)), "seen_at": seen_at}
    return frozenset(uuids(connection, load("writer")["claim"], given))


def _candidates(frames: Iterable[FrameRow], series: Mapping[SeriesKey, int]) -> list[Candidate]:
    return [
        candidate
        for frame in frames
        if not frame.repeat
        for candidate in candidates(frame.id, frame.uplink.f_cnt, frame.uplink.deduplication_id, frame.decoding, series)
    ]


def _first_of_each(frames: Sequence[FrameRow], first_seen: frozenset[bytes]) -> list[FrameRow]:
    """Frames seen for the first time, and of several deliveries in this batch the first."""
    found: dict[bytes, FrameRow] = {}
    for frame in frames:
        if frame.uplink.key in first_seen:
            found.setdefault(frame.uplink.key, frame)
    return list(found.values())
