"""Values become readings: judged by what their series said before, one for each series and time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from decoders.quantities import QUANTITIES
from services.core.decoding import Decoding, SeriesKey
from services.core.domain import Flag, Reading
from services.core.judging import SeriesState, advance, judge
from services.core.storage.queries import load
from services.core.storage.writer_conflicts import settle
from services.core.storage.writer_types import Candidate, Rank, ReadingsWritten


def candidates(
    uplink: int, f_cnt: int, deduplication_id: UUID, decoding: Decoding, series: Mapping[SeriesKey, int]
) -> list[Candidate]:
    """The values of a frame with the series they belong to; none for a point or quantity that is not there."""
    return [
        Candidate(
            number,
            value.measured_at,
            value.value,
            value.flags,
            uplink,
            value.series.quantity,
            Rank(bool(value.flags & Flag.HISTORICAL), f_cnt, deduplication_id),
        )
        for value in decoding.values
        if (number := series.get(value.series)) is not None
    ]


def write_readings(connection: Connection[TupleRow], candidates: Iterable[Candidate]) -> ReadingsWritten:
    """Judge and store; call it within a transaction. Raises psycopg.Error."""
    wanted = _one_each(candidates)
    if not wanted:
        return ReadingsWritten(0, 0, {})
    before = _states(connection, {candidate.series for candidate in wanted})
    judged = _judged(wanted, before)
    inserted = _insert(connection, judged)
    readings = [Reading(c.series, c.measured_at, c.value, c.flags, c.uplink) for c in judged]
    conflicts = 0
    if inserted < len(judged):
        settled = settle(connection, judged)
        conflicts = len(settled)
        readings = [
            reading for reading in (settled.get((r.series, r.measured_at), r) for r in readings) if reading is not None
        ]
    _move_latest(connection, readings, before)
    return ReadingsWritten(len(readings), conflicts, _touched(readings))


def _one_each(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Sorted by key, the least of its rank for each key; what a frame says twice counts as it says last."""
    ordered = sorted(candidates, key=lambda c: (c.series, c.measured_at))
    chosen: list[Candidate] = []
    for candidate in ordered:
        last = chosen[-1] if chosen else None
        if last is None or last.series != candidate.series or last.measured_at != candidate.measured_at:
            chosen.append(candidate)
            continue
        winner = candidate if candidate.rank <= last.rank else last
        contested = (last.flags | candidate.flags) & Flag.CONFLICT
        if last.uplink != candidate.uplink and last.value != candidate.value:
            contested = Flag.CONFLICT
        chosen[-1] = replace(winner, flags=winner.flags | contested)
    return chosen


def _states(connection: Connection[TupleRow], series: Iterable[int]) -> dict[int, SeriesState]:
    rows = connection.execute(load("writer")["states"], {"series": sorted(series)}, binary=True).fetchall()
    return {row[0]: SeriesState(row[1], row[2], row[3], row[4], row[5], Flag(row[6] or 0), row[7]) for row in rows}


def _judged(candidates: Sequence[Candidate], before: dict[int, SeriesState]) -> list[Candidate]:
    judged: list[Candidate] = []
    for series, of_series in groupby(candidates, key=lambda c: c.series):
        state = before.get(series)
        for candidate in of_series:
            found = judge(candidate.value, candidate.measured_at, QUANTITIES[candidate.quantity], state)
            if found:
                candidate = replace(candidate, flags=candidate.flags | found)
            state = advance(state, candidate.value, candidate.measured_at, candidate.flags, candidate.uplink)
            judged.append(candidate)
    return judged


def _insert(connection: Connection[TupleRow], candidates: Sequence[Candidate]) -> int:
    return connection.execute(
        load("writer")["insert_readings"],
        {
            "series": [c.series for c in candidates],
            "measured_at": [c.measured_at for c in candidates],
            "value": [c.value for c in candidates],
            "flags": [int(c.flags) for c in candidates],
            "uplink": [c.uplink for c in candidates],
        },
    ).rowcount


def _move_latest(connection: Connection[TupleRow], readings: Sequence[Reading], before: dict[int, SeriesState]) -> None:
    moved: list[tuple[int, SeriesState]] = []
    for series, of_series in groupby(readings, key=lambda r: r.series):
        state = old = before.get(series)
        for reading in of_series:
            state = advance(state, reading.value, reading.measured_at, reading.flags, reading.uplink)
        if state is not None and state is not old:
            moved.append((series, state))
    if not moved:
        return
    states = [state for _, state in moved]
    connection.execute(
        load("writer")["move_latest"],
        {
            "series": [series for series, _ in moved],
            "seen_at": [state.seen_at for state in states],
            "seen_value": [state.seen_value for state in states],
            "same_since": [state.same_since for state in states],
            "measured_at": [state.good_at for state in states],
            "value": [state.good_value for state in states],
            "flags": [None if state.good_at is None else int(state.good_flags) for state in states],
            "uplink": [state.good_uplink for state in states],
        },
    )


def _touched(readings: Sequence[Reading]) -> dict[int, tuple[datetime, datetime]]:
    """Readings come sorted by series and time."""
    touched: dict[int, tuple[datetime, datetime]] = {}
    for reading in readings:
        first, _ = touched.get(reading.series, (reading.measured_at, None))
        touched[reading.series] = (first, reading.measured_at)
    return touched
