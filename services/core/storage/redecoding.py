"""What stands in the store where frames are decoded again, and what is put in its place."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.judging import SeriesState
from services.core.redecoding.deciding import Change, Key, Standing
from services.core.storage.errors import StoreUnavailable
from services.core.storage.queries import load
from services.core.storage.writer_types import ReadingsWritten

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_PREVIOUS = ("timestamptz", "float8", "int8", "int8", "int4", "int4", "int2")
_OUTCOME = ("int4", "int8", "text", "text", "text")


def lock_history(connection: Connection[TupleRow]) -> None:
    """Until the transaction ends no adoption, re-decode or undo writes beside it."""
    connection.execute(load("decode_runs")["lock_history"])


def lock_readings(connection: Connection[TupleRow]) -> None:
    """Until the transaction ends ingest stores nothing. After ``lock_history``, or two wait in a circle."""
    connection.execute(load("decode_runs")["lock_readings"])


def standing(
    connection: Connection[TupleRow], series: Sequence[int], from_at: datetime, to_at: datetime
) -> dict[Key, Standing]:
    """Every reading of the series within [from_at, to_at). Raises psycopg.Error."""
    parameters = {"series": list(series), "from_at": from_at, "to_at": to_at}
    rows = connection.execute(load("redecode")["standing"], parameters, binary=True).fetchall()
    return {(row[0], row[1]): Standing(row[2], row[3], row[4]) for row in rows}


def standing_at(connection: Connection[TupleRow], keys: Sequence[Key]) -> dict[Key, Standing]:
    """The readings at the keys. Raises psycopg.Error."""
    times = [at for _, at in keys]
    parameters = {
        "series": [series for series, _ in keys],
        "measured_at": times,
        "first": min(times),
        "last": max(times),
    }
    rows = connection.execute(load("redecode")["standing_at"], parameters, binary=True).fetchall()
    return {(row[0], row[1]): Standing(row[2], row[3], row[4]) for row in rows}


def states_before(connection: Connection[TupleRow], series: Sequence[int], before: datetime) -> dict[int, SeriesState]:
    """What each series said last before a time; none for those that said nothing. Raises psycopg.Error."""
    rows = connection.execute(
        load("redecode")["states_before"], {"series": list(series), "before": before}, binary=True
    )
    return {row[0]: SeriesState(*row[1:]) for row in rows}


def moves_latest(connection: Connection[TupleRow], series: Sequence[int], to_at: datetime) -> bool:
    """Whether a change before ``to_at`` may change what is kept as the last values of the series."""
    row = connection.execute(load("redecode")["settled_latest"], {"series": list(series), "to_at": to_at}).fetchone()
    return row is None or row[0] < len(series)


def write(connection: Connection[TupleRow], changes: Sequence[Change]) -> None:
    """Put readings in the place of others.

    Raises StoreUnavailable when a reading has changed meanwhile, psycopg.Error.
    """
    if not changes:
        return
    connection.execute(load("writer")["lift_decompression_limit"])
    replaced = [change for change in changes if change.old is not None and change.new is not None]
    removed = [change for change in changes if change.new is None]
    added = [change for change in changes if change.old is None]
    sql, rows = load("redecode"), 0
    if replaced:
        rows += connection.execute(sql["replace"], {**_new(replaced), **_old(replaced)}).rowcount
    if removed:
        rows += connection.execute(sql["remove"], {**_keys(removed), **_old(removed)}).rowcount
    if added:
        rows += connection.execute(load("writer")["insert_readings"], _new(added)).rowcount
    if rows != len(changes):
        raise StoreUnavailable("readings changed while they were decoded again")


def keep_previous(connection: Connection[TupleRow], run: int, changes: Sequence[Change]) -> None:
    """Keep what was there, and who says what is there now."""
    if not changes:
        return
    with connection.cursor() as cursor, cursor.copy(load("redecode")["copy_previous"]) as copy:
        copy.set_types(_PREVIOUS)
        for series, at, old, new in changes:
            value, flags, uplink = old or (None, None, None)
            copy.write_row((at, value, uplink, None if new is None else new.uplink, run, series, flags))


def note_outcomes(
    connection: Connection[TupleRow], run: int, outcomes: Iterable[tuple[int, str, str | None, str | None]]
) -> None:
    """What the run concluded: frame, outcome, decoder and version, reason."""
    with connection.cursor() as cursor, cursor.copy(load("redecode")["copy_outcomes"]) as copy:
        copy.set_types(_OUTCOME)
        for row in outcomes:
            copy.write_row((run, *row))


def take_pending(connection: Connection[TupleRow], run: int, frames: Sequence[tuple[str, int]]) -> None:
    """These frames (DevEUI, id) wait for nothing any more, until the run is undone."""
    if frames:
        parameters = {"run": run, "dev_eui": [eui for eui, _ in frames], "uplink": [uplink for _, uplink in frames]}
        connection.execute(load("redecode")["take_pending"], parameters)


def give_pending_back(connection: Connection[TupleRow], run: int) -> None:
    """What waited before the run waits again."""
    connection.execute(load("redecode")["give_pending_back"], {"run": run})
    connection.execute(load("redecode")["forget_pending"], {"run": run})


def recompute_latest(connection: Connection[TupleRow], series: Sequence[int]) -> None:
    """The last values of the series as they are now, be that earlier than before."""
    states = states_before(connection, series, NEVER)
    gone = [number for number in series if number not in states]
    if gone:
        connection.execute(load("redecode")["remove_latest"], {"series": gone})
    if states:
        connection.execute(
            load("redecode")["set_latest"],
            {
                "series": list(states),
                "seen_at": [state.seen_at for state in states.values()],
                "seen_value": [state.seen_value for state in states.values()],
                "same_since": [state.same_since for state in states.values()],
                "measured_at": [state.good_at for state in states.values()],
                "value": [state.good_value for state in states.values()],
                "flags": [state.good_flags for state in states.values()],
                "uplink": [state.good_uplink for state in states.values()],
            },
        )


def touched(changes: Iterable[Change]) -> Mapping[int, tuple[datetime, datetime]]:
    """From when to when readings of each series changed; changes come in order of key."""
    found: dict[int, tuple[datetime, datetime]] = {}
    for series, at, _, _ in changes:
        first, _ = found.get(series, (at, at))
        found[series] = (first, at)
    return found


def written(changes: Sequence[Change]) -> ReadingsWritten:
    """The changes as the feed tells of them."""
    return ReadingsWritten(len(changes), 0, touched(changes))


def _keys(changes: Sequence[Change]) -> dict[str, object]:
    times = [change.measured_at for change in changes]
    series = [change.series for change in changes]
    return {
        "series": series,
        "all_series": sorted(set(series)),
        "measured_at": times,
        "first": min(times),
        "last": max(times),
    }


def _old(changes: Sequence[Change]) -> dict[str, object]:
    olds = [change.old for change in changes if change.old is not None]
    return {
        "old_value": [old.value for old in olds],
        "old_flags": [old.flags for old in olds],
        "old_uplink": [old.uplink for old in olds],
    }


def _new(changes: Sequence[Change]) -> dict[str, object]:
    news = [change.new for change in changes if change.new is not None]
    return {
        **_keys(changes),
        "value": [new.value for new in news],
        "flags": [new.flags for new in news],
        "uplink": [new.uplink for new in news],
    }


def next_to_recompress(connection: Connection[TupleRow]) -> str | None:
    """A chunk of readings that was compressed and has been opened in part; None: there is none."""
    row = connection.execute(load("redecode")["next_to_recompress"]).fetchone()
    return None if row is None else row[0]


def recompress(connection: Connection[TupleRow], chunk: str) -> None:
    """Compress such a chunk again."""
    connection.execute(load("redecode")["recompress"], {"chunk": chunk})


def refresh_rollups_soon(connection: Connection[TupleRow]) -> None:
    """Where the server keeps the rollups itself, have it look for changes now."""
    connection.execute(load("redecode")["refresh_soon"])
