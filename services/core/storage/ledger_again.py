"""Sessions of the ledger made anew from the frames themselves, where frames did not simply follow what was there."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from services.core.counters import Day, Heard, Tail, follow
from services.core.domain import Flag
from services.core.storage.queries import load

_LATE = int(Flag.LATE)

MOST = 2_147_483_647
"""Lost frames a day can say, of the 4,294,967,294 that two counters of 32 bits may lie apart."""


class Due(NamedTuple):
    """From which day on a device is to be read again, and the first receipt of what is in no session yet, if any is."""

    day: date
    first_received: datetime | None


DevicesDue = Mapping[str, Due]


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


def settle_again(connection: Connection[TupleRow], due: DevicesDue) -> set[tuple[str, date]]:
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


def _columns(due: DevicesDue) -> dict[str, list[str] | list[date]]:
    return {"dev_eui": list(due), "day": [day for day, _ in due.values()]}


def _before(connection: Connection[TupleRow], due: DevicesDue) -> dict[tuple[str, str], _Before]:
    rows = connection.execute(load("ledger_settle")["tails"], _columns(due))
    return {
        (dev_eui, dev_addr): _Before(Tail(shift, top, last_at), _Known(counters), since)
        for dev_eui, dev_addr, shift, top, last_at, counters, since in rows
    }


def _joins(connection: Connection[TupleRow], due: DevicesDue) -> dict[tuple[str, str], list[datetime]]:
    found: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    for dev_eui, dev_addr, at in connection.execute(load("ledger_settle")["joins"], _columns(due)):
        if dev_addr:
            found[dev_eui, dev_addr.lower()].append(at)
    return found


def _frames(connection: Connection[TupleRow], due: DevicesDue) -> dict[tuple[str, str], list[Heard]]:
    received = {**_columns(due), "first_received": [first_received for _, first_received in due.values()]}
    since = dict(connection.execute(load("ledger_settle")["received_since"], received).fetchall())
    if not since:
        return {}
    parameters = {
        **_columns({dev_eui: due[dev_eui] for dev_eui in since}),
        "since": list(since.values()),
        "first": min(since.values()),
    }
    rows = connection.execute(load("ledger_settle")["frames_since"], parameters, binary=True)
    return {
        address: [
            Heard(
                at,
                day,
                received_at,
                f_cnt,
                bool(flags & _LATE),
                outcome == "refused",
                outcome == "unknown_device",
                outcome == "repeat",
            )
            for _, _, at, day, received_at, f_cnt, outcome, flags in group
        ]
        for address, group in groupby(rows, key=lambda row: (row[0], row[1]))
    }


def _earlier(
    found: Mapping[tuple[str, str], Sequence[Day]], before: Mapping[tuple[str, str], _Before], due: DevicesDue
) -> dict[str, Due]:
    """Devices with a straggler from before the first day read: what was missing there is to be looked at again."""
    earlier: dict[str, Due] = {}
    for address, days in found.items():
        if address not in before:
            continue
        tail, _, since = before[address]
        low = min((counter for day in days for counter in day.counters), default=tail.element)
        known = due[address[0]]
        if low < tail.element and since < known.day:
            earlier[address[0]] = Due(min(since, earlier.get(address[0], known).day), known.first_received)
    return earlier


def _write(
    connection: Connection[TupleRow], due: DevicesDue, found: Mapping[tuple[str, str], Sequence[Day]]
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
                        min(day.lost, MOST),
                        day.sessions,
                        day.late,
                        day.refused,
                        day.unknown,
                        day.repeats,
                        day.first_received,
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
