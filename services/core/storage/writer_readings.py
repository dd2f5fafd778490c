"""Values become readings: judged by what their series said before, one for each series and time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from msgspec.structs import replace
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow

from decoders.quantities import QUANTITIES
from services.core.decoding import HISTORICAL, Decoding, SeriesKey
from services.core.domain import Flag
from services.core.judging import BAD, SeriesState, advance, judge
from services.core.storage.arrays import Float8s, Int2s, Int4s, Int8s, Packed, Times, packed_rows
from services.core.storage.queries import load
from services.core.storage.writer_conflicts import settle
from services.core.storage.writer_types import Candidate, Rank, ReadingsStored, ReadingsWritten

CONFLICT = int(Flag.CONFLICT)
_KEY = attrgetter("series", "measured_at")

COPIED_FROM = 100
"""So many readings that must be new are copied: three times as cheap, for two round trips more."""


def candidates(
    uplink: int, f_cnt: int, deduplication_id: UUID, decoding: Decoding, series: Mapping[SeriesKey, int]
) -> list[Candidate]:
    """The values of a frame with the series they belong to; none for a point or quantity that is not there."""
    direct, historical = Rank(False, f_cnt, deduplication_id), Rank(True, f_cnt, deduplication_id)
    return [
        Candidate(
            number,
            value.measured_at,
            value.value,
            value.flags,
            uplink,
            value.series.quantity,
            historical if value.flags & HISTORICAL else direct,
        )
        for value in decoding.values
        if (number := series.get(value.series)) is not None
    ]


def write_readings(connection: Connection[TupleRow], candidates: Iterable[Candidate]) -> ReadingsWritten:
    """Judge, store, and move ``latest``; call it within a transaction. Raises psycopg.Error."""
    stored = store_readings(connection, candidates)
    move_latest(connection, stored)
    return written(stored)


def store_readings(connection: Connection[TupleRow], candidates: Iterable[Candidate]) -> ReadingsStored:
    """Judge and store; ``move_latest`` belongs into the same transaction. Raises psycopg.Error."""
    wanted = _one_each(candidates)
    if not wanted:
        return ReadingsStored()
    before = _states(connection, {candidate.series for candidate in wanted})
    judged, after = _judged(wanted, before)
    inserted = _stored(connection, judged, before)
    if inserted == len(judged):
        return ReadingsStored(judged, 0, before, after)
    settled = settle(connection, judged)
    stands = (settled.get((c.series, c.measured_at), c) for c in judged)
    judged = [candidate for candidate in stands if candidate is not None]
    return ReadingsStored(judged, len(settled), before, _advanced(judged, before))


def move_latest(connection: Connection[TupleRow], stored: ReadingsStored) -> None:
    """Say in ``latest`` what the stored readings mean for their series; asks nothing, so it may go through a pipeline.

    Raises psycopg.Error.
    """
    before = stored.before
    _move_latest(connection, {series: s for series, s in stored.after.items() if s is not before.get(series)})
    if stored.conflicts:
        _restore_latest(connection, stored.readings, before)


def written(stored: ReadingsStored) -> ReadingsWritten:
    """What was stored, for the feed of changes."""
    return ReadingsWritten(len(stored.readings), stored.conflicts, _touched(stored.readings))


def _one_each(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Sorted by key, the least of its rank for each key; what a frame says twice counts as it says last."""
    chosen: list[Candidate] = []
    for candidate in sorted(candidates, key=_KEY):
        last = chosen[-1] if chosen else None
        if last is None or last.series != candidate.series or last.measured_at != candidate.measured_at:
            chosen.append(candidate)
            continue
        winner = candidate if candidate.rank <= last.rank else last
        contested = (last.flags | candidate.flags) & CONFLICT
        if last.uplink != candidate.uplink and last.value != candidate.value:
            contested = CONFLICT
        chosen[-1] = replace(winner, flags=winner.flags | contested)
    return chosen


def _states(connection: Connection[TupleRow], series: Iterable[int]) -> dict[int, SeriesState]:
    rows = connection.execute(load("writer")["states"], {"series": Int4s(sorted(series))}, binary=True)
    return {row[0]: SeriesState(*row[1:]) for row in rows.fetchall()}


def _judged(
    candidates: Sequence[Candidate], before: Mapping[int, SeriesState]
) -> tuple[list[Candidate], dict[int, SeriesState]]:
    """Candidates with the flags they deserve, and what their series say after them; they come sorted by key."""
    judged: list[Candidate] = []
    after: dict[int, SeriesState] = {}
    for candidate in candidates:
        series, at, value, flags = candidate.series, candidate.measured_at, candidate.value, candidate.flags
        state = after.get(series) or before.get(series)
        if found := judge(value, at, QUANTITIES[candidate.quantity], state):
            flags |= found
            candidate = replace(candidate, flags=flags)
        judged.append(candidate)
        after[series] = advance(state, value, at, flags, candidate.uplink)
    return judged, after


def _advanced(readings: Iterable[Candidate], before: Mapping[int, SeriesState]) -> dict[int, SeriesState]:
    after: dict[int, SeriesState] = {}
    for c in readings:
        before_it = after.get(c.series) or before.get(c.series)
        after[c.series] = advance(before_it, c.value, c.measured_at, c.flags, c.uplink)
    return after


def _stored(
    connection: Connection[TupleRow], candidates: Sequence[Candidate], before: Mapping[int, SeriesState]
) -> int:
    """Store those that have no rival yet; how many."""
    newest = {series: state.seen_at for series, state in before.items()}
    new: list[Candidate] = []
    others: list[Candidate] = []
    for candidate in candidates:
        seen_at = newest.get(candidate.series)
        (new if seen_at is None or candidate.measured_at > seen_at else others).append(candidate)
    if len(new) >= COPIED_FROM and _copied(connection, new):
        return len(new) + (_inserted(connection, others) if others else 0)
    return _inserted(connection, candidates)


def _copied(connection: Connection[TupleRow], candidates: Sequence[Candidate]) -> bool:
    """False, and nothing done, when one of them is there after all: somebody else has just stored it."""
    sql = load("writer")["copy_readings"]
    try:
        with connection.transaction(), connection.cursor() as cursor, cursor.copy(sql) as copy:
            copy.write(packed_rows(list(_columns(candidates).values())))
    except UniqueViolation:
        return False
    return True


def _inserted(connection: Connection[TupleRow], candidates: Sequence[Candidate]) -> int:
    return connection.execute(load("writer")["insert_readings"], _columns(candidates)).rowcount


def _columns(candidates: Sequence[Candidate]) -> dict[str, Packed]:
    """In the order of the statement that copies."""
    return {
        "series": Int4s([c.series for c in candidates]),
        "measured_at": Times([c.measured_at for c in candidates]),
        "value": Float8s([c.value for c in candidates]),
        "flags": Int2s([c.flags for c in candidates]),
        "uplink": Int8s([c.uplink for c in candidates]),
    }


def _move_latest(connection: Connection[TupleRow], moved: Mapping[int, SeriesState]) -> None:
    if not moved:
        return
    states = moved.values()
    connection.execute(
        load("writer")["move_latest"],
        {
            "series": Int4s(list(moved)),
            "seen_at": Times([state.seen_at for state in states]),
            "seen_value": Float8s([state.seen_value for state in states]),
            "same_since": Times([state.same_since for state in states]),
            "measured_at": Times([state.good_at for state in states]),
            "value": Float8s([state.good_value for state in states]),
            "flags": Int2s([state.good_flags for state in states]),
            "uplink": Int8s([state.good_uplink for state in states]),
        },
    )


def _restore_latest(
    connection: Connection[TupleRow], readings: Iterable[Candidate], before: Mapping[int, SeriesState]
) -> None:
    """When the winner at the time of a series' last good value is not good, an older one is the last."""
    lost = {
        reading.series
        for reading in readings
        if reading.flags & BAD and reading.series in before and before[reading.series].good_at == reading.measured_at
    }
    if lost:
        connection.execute(load("writer")["restore_latest"], {"series": sorted(lost)})


def _touched(readings: Sequence[Candidate]) -> dict[int, tuple[datetime, datetime]]:
    """Readings come sorted by series and time."""
    touched: dict[int, tuple[datetime, datetime]] = {}
    for reading in readings:
        first, _ = touched.get(reading.series, (reading.measured_at, None))
        touched[reading.series] = (first, reading.measured_at)
    return touched
