"""From frames to sessions: most frames follow what is there and are appended, by one statement for all devices.

Days with anything else (disorder, a counter that fell, a join, a repetition) are read again from the frames
themselves, so that what stands in the ledger depends on what is stored, and not on the order in which it came.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.storage.changes import Batch
from services.core.storage.queries import load
from services.core.storage.writer_ledger import is_wide

_APART = timedelta(seconds=2)


class Note(NamedTuple):
    """What ingest noted of a device and day."""

    dev_eui: str
    day: date
    duplicates: int
    quarantined: int
    replayed: int
    unsettled: bool
    first_received: datetime | None
    """Of the unsettled frames that are in no session yet; None: there are none."""


def settle(connection: Connection[TupleRow], batches: Iterable[Batch]) -> set[tuple[str, date]]:
    """Append the frames of these batches to their sessions; gives the devices and days that changed.

    What must be read again is noted. Call it in the transaction that takes the batches. Raises psycopg.Error.
    """
    intervals = _intervals(batches)
    if not intervals:
        return set()
    rows = connection.execute(
        load("ledger_settle")["settle_frames"],
        {
            "from_at": [first for first, _ in intervals],
            "to_at": [last for _, last in intervals],
            "begin": intervals[0][0],
            "end": intervals[-1][1],
        },
        binary=True,
    ).fetchall()
    unsettled = [(dev_eui, day, first_received) for dev_eui, day, done, first_received in rows if not done]
    if unsettled:
        connection.execute(
            load("ledger_settle")["note_unsettled"],
            {
                "dev_eui": [dev_eui for dev_eui, _, _ in unsettled],
                "day": [day for _, day, _ in unsettled],
                "first_received": [first_received for _, _, first_received in unsettled],
            },
        )
    return {(dev_eui, day) for dev_eui, day, done, _ in rows if done}


def take_notes(connection: Connection[TupleRow], *, notes: int = 20_000, devices: int = 500) -> list[Note]:
    """Some of what was noted, each once: it is gone when the transaction commits. Raises psycopg.Error."""
    sql = load("ledger_settle")
    rows = connection.execute(sql["take_notes"], {"notes": notes, "devices": devices})
    taken = [Note(*row) for row in rows]
    counted = [note for note in taken if note.duplicates or note.quarantined or note.replayed]
    if counted:
        connection.execute(
            sql["add_messages"],
            {
                "dev_eui": [note.dev_eui for note in counted],
                "day": [note.day for note in counted],
                "duplicates": [note.duplicates for note in counted],
                "quarantined": [note.quarantined for note in counted],
                "replayed": [note.replayed for note in counted],
            },
        )
    return taken


def _intervals(batches: Iterable[Batch]) -> list[tuple[datetime, datetime]]:
    """When frames were received, those that overlap or nearly touch made one: writers take turns within a second."""
    times = sorted(
        (batch.first_received, batch.last_received)
        for batch in batches
        if batch.first_received is not None
        and batch.last_received is not None
        and not is_wide(batch.first_received, batch.last_received)
    )
    merged: list[tuple[datetime, datetime]] = []
    for first, last in times:
        if merged and first - merged[-1][1] <= _APART:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged
