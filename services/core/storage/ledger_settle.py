"""From frames to sessions: most frames follow what is there and are appended, by one statement for all devices.

Days with anything else (disorder, a counter that fell, a join, a repetition) are read again from the frames
themselves, so that what stands in the ledger depends on what is stored, and not on the order in which it came.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from services.core.counters import Day, Heard, Tail, follow
from services.core.domain import Flag
from services.core.storage.changes import Batch
from services.core.storage.queries import load
from services.core.storage.writer_ledger import is_wide
from services.core.uplink_id import received_between

_APART = timedelta(seconds=2)
_LATE = int(Flag.LATE)

DeviceDays = Mapping[str, date]
"""From which day on each device is to be read again."""


class Note(NamedTuple):
    """What ingest noted of a device and day."""

    dev_eui: str
    day: date
    duplicates: int
    quarantined: int
    replayed: int
    unsettled: bool


class _Known:
    """Counters of the days before, as ranges: the first of each, and the one after its last."""

    def __init__(self, counters: Multirange[int]) -> None:
        self._ranges = [(part.lower or 0, part.upper or 0) for part in counters]

    def __contains__(self, counter: object, /) -> bool:
        return isinstance(counter, int) and any(first <= counter < after for first, after in self._ranges)


class _Before(NamedTuple):
    tail: Tail
    known: _Known
    since: date


def settle(connection: Connection[TupleRow], batches: Iterable[Batch]) -> set[tuple[str, date]]:
    """Append the frames of these batches to their sessions; gives the devices and days that changed.

    What must be read again is noted. Call it in the transaction that takes the batches. Raises psycopg.Error.
    """
    intervals = _intervals(batches)
    if not intervals:
        return set()
    bounds = [(received_between(first)[0], received_between(last)[1]) for first, last in intervals]
    rows = connection.execute(
        load("ledger_settle")["settle_frames"],
        {
            "from_at": [start for start, _ in bounds],
            "to_at": [end for _, end in bounds],
            "first": [first for first, _ in intervals],
            "last": [last for _, last in intervals],
            "begin": bounds[0][0],
            "end": max(end for _, end in bounds),
        },
        binary=True,
    ).fetchall()
    unsettled = [(dev_eui, day) for dev_eui, day, done in rows if not done]
    if unsettled:
        connection.execute(
            load("ledger_settle")["note_unsettled"],
            {"dev_eui": [dev_eui for dev_eui, _ in unsettled], "day": [day for _, day in unsettled]},
        )
    return {(dev_eui, day) for dev_eui, day, done in rows if done}


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


def settle_again(connection: Connection[TupleRow], due: DeviceDays) -> set[tuple[str, date]]:
    """Read the frames of the devices again from a day on, and write their sessions anew; gives the days that changed.

    Raises psycopg.Error.
    """
    changed: set[tuple[str, date]] = set()
    waiting = dict(due)
    while waiting:
        before = _before(connection, waiting)
        joins = _joins(connection, waiting)
        found = {
            address: follow(
                frames,
                joins.get(address, []),
                before[address].tail if address in before else None,
                before[address].known if address in before else (),
            )
            for address, frames in _frames(connection, waiting).items()
        }
        earlier = _earlier(found, before, waiting)
        done = {dev_eui: day for dev_eui, day in waiting.items() if dev_eui not in earlier}
        changed |= _write(connection, done, {key: days for key, days in found.items() if key[0] in done})
        _close(connection, {key: at for key, at in joins.items() if key[0] in done})
        waiting = earlier
    return changed


def _intervals(batches: Iterable[Batch]) -> list[tuple[int, int]]:
    """Ids from first to last, those that overlap or nearly touch made one: writers take turns within a second."""
    ids = sorted(
        (batch.first_uplink, batch.last_uplink)
        for batch in batches
        if batch.first_uplink is not None
        and batch.last_uplink is not None
        and not is_wide((batch.first_uplink, batch.last_uplink))
    )
    merged: list[tuple[int, int]] = []
    for first, last in ids:
        if merged and received_between(first)[0] - received_between(merged[-1][1])[1] <= _APART:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _columns(due: DeviceDays) -> dict[str, list[str] | list[date]]:
    return {"dev_eui": list(due), "day": list(due.values())}


def _before(connection: Connection[TupleRow], due: DeviceDays) -> dict[tuple[str, str], _Before]:
    rows = connection.execute(load("ledger_settle")["tails"], _columns(due))
    return {
        (dev_eui, dev_addr): _Before(Tail(shift, top, last_at), _Known(counters), since)
        for dev_eui, dev_addr, shift, top, last_at, counters, since in rows
    }


def _joins(connection: Connection[TupleRow], due: DeviceDays) -> dict[tuple[str, str], list[datetime]]:
    found: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    for dev_eui, dev_addr, at in connection.execute(load("ledger_settle")["joins"], _columns(due)):
        if dev_addr:
            found[dev_eui, dev_addr.lower()].append(at)
    return found


def _frames(connection: Connection[TupleRow], due: DeviceDays) -> dict[tuple[str, str], list[Heard]]:
    parameters = {**_columns(due), "first": min(due.values())}
    rows = connection.execute(load("ledger_settle")["frames_since"], parameters, binary=True)
    return {
        address: [
            Heard(
                at,
                day,
                f_cnt,
                bool(flags & _LATE),
                outcome == "refused",
                outcome == "unknown_device",
                outcome == "repeat",
            )
            for _, _, at, day, f_cnt, outcome, flags in group
        ]
        for address, group in groupby(rows, key=lambda row: (row[0], row[1]))
    }


def _earlier(
    found: Mapping[tuple[str, str], Sequence[Day]], before: Mapping[tuple[str, str], _Before], due: DeviceDays
) -> dict[str, date]:
    """Devices with a straggler from before the first day read: what was missing there is to be looked at again."""
    earlier: dict[str, date] = {}
    for address, days in found.items():
        if address not in before:
            continue
        tail, _, since = before[address]
        low = min((counter for day in days for counter in day.counters), default=tail.element)
        if low < tail.element and since < due[address[0]]:
            earlier[address[0]] = min(since, earlier.get(address[0], since))
    return earlier


def _write(
    connection: Connection[TupleRow], due: DeviceDays, found: Mapping[tuple[str, str], Sequence[Day]]
) -> set[tuple[str, date]]:
    sql = load("ledger_settle")
    dropped = connection.execute(sql["drop_sessions"], _columns(due)).fetchall()
    changed = {(dev_eui, day) for dev_eui, day in dropped}
    with connection.cursor() as cursor, cursor.copy(sql["copy_sessions"]) as copy:
        for (dev_eui, dev_addr), days in sorted(found.items(), key=lambda item: item[0]):
            for day in days:
                changed.add((dev_eui, day.day))
                copy.write_row(
                    (
                        dev_eui,
                        day.day,
                        dev_addr,
                        _multirange(day.counters),
                        day.tail.shift,
                        day.tail.top,
                        day.tail.last_at,
                        False,
                        len(day.counters),
                        day.lost,
                        day.sessions,
                        day.late,
                        day.refused,
                        day.unknown,
                        day.repeats,
                    )
                )
    return changed


def _close(connection: Connection[TupleRow], joins: Mapping[tuple[str, str], Sequence[datetime]]) -> None:
    if not joins:
        return
    connection.execute(
        load("ledger_settle")["close_sessions"],
        {
            "dev_eui": [dev_eui for dev_eui, _ in joins],
            "dev_addr": [dev_addr for _, dev_addr in joins],
            "at": [max(times) for times in joins.values()],
        },
    )


def _multirange(counters: Iterable[int]) -> Multirange[int]:
    runs: list[list[int]] = []
    for counter in sorted(counters):
        if runs and counter == runs[-1][1]:
            runs[-1][1] += 1
        else:
            runs.append([counter, counter + 1])
    return Multirange([Range(first, last) for first, last in runs])
