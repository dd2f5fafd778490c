"""A part written: readings replaced, what they were kept, the feed told; all of it or nothing."""

from datetime import timedelta

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.clock import Clock
from services.core.domain import PENDING
from services.core.redecoding.deciding import Decided
from services.core.redecoding.reading import Part, Reader
from services.core.redecoding.settling import Settler
from services.core.storage import redecode_runs as runs
from services.core.storage import redecoding as store
from services.core.storage.writer import note_batch

MARGIN = timedelta(days=1)
"""How much longer than the lag a frame may be on its way into the store: a batch held while the store was away."""

JUST_STORED = timedelta(hours=1)
"""How long ago a frame was received at most that was stored while its part was read."""


def apply_part(
    connection: Connection[TupleRow], run: int, part: Part, reader: Reader, settler: Settler, clock: Clock
) -> Decided:
    """One transaction (``connection`` in autocommit).

    Raises StoreUnavailable or psycopg.Error; then nothing is written.
    """
    series = settler.series_of(part)
    now = clock()
    with connection.transaction():
        store.lock_history(connection)
        fresh = part.to_at > now - part.lag - MARGIN
        if fresh or store.moves_latest(connection, series, part.to_at):
            # From here on nothing is stored by anybody else, for the fraction of a second this takes.
            store.lock_readings(connection)
            part = reader.caught_up(part, now - JUST_STORED)
            series = settler.series_of(part)
        decided = settler.settle(connection, part, series)
        store.write(connection, decided.changes)
        store.keep_previous(connection, run, decided.changes)
        _note_outcomes(connection, run, part)
        touched = store.touched(decided.changes)
        if touched:
            store.recompute_latest(connection, sorted(touched))
            note_batch(connection, "re-decode", now, (), store.written(decided.changes))
        runs.note_progress(connection, run, part.then, len(part.frames), _counted(decided))
    settler.done(decided)
    return decided


def _note_outcomes(connection: Connection[TupleRow], run: int, part: Part) -> None:
    store.note_outcomes(
        connection,
        run,
        [(frame.id, told.outcome.value, told.decoder, told.reason) for frame, told in part.frames],
    )
    store.take_pending(
        connection,
        run,
        [(frame.timed.dev_eui, frame.id) for frame, told in part.frames if told.outcome not in PENDING],
    )


def _counted(decided: Decided) -> runs.Counts:
    added = sum(change.old is None for change in decided.changes)
    removed = sum(change.new is None for change in decided.changes)
    return runs.Counts(added, removed, len(decided.changes) - added - removed, sum(decided.unchanged.values()))
