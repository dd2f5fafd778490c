"""A run from its plan to its end, restartable anywhere: each chunk notes where to go on in its own transaction."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import psycopg
import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.clock import Clock
from services.core.decoder_book import DecoderBook
from services.core.redecoding.applying import apply_part
from services.core.redecoding.places import Places
from services.core.redecoding.previewing import Report
from services.core.redecoding.reading import FRAMES, Reader
from services.core.redecoding.room import check_room
from services.core.redecoding.scope import Plan, RedecodeRefused, Scope, plan
from services.core.redecoding.settling import Settler
from services.core.redecoding.undoing import KEYS, Undo
from services.core.settings import Settings
from services.core.storage import redecode_runs as runs
from services.core.storage import redecoding as store
from services.core.storage.errors import StoreUnavailable, classify
from services.core.storage.redecode_runs import Run, State
from services.core.times import TimeRules

ATTEMPTS = 8
"""How often a chunk is tried that others are in the way of; the pauses between grow from 0.1 s to 6 s."""

Progress = Callable[[int, int], bool]
"""Called after each chunk with what is done and how much there is in all; False: stop here."""
T = TypeVar("T")


def go_on(done: int, total: int) -> bool:
    """For who wants neither to know nor to stop."""
    del done, total
    return True


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a run works with; ``connection`` in autocommit.

    ``book`` has the decoders; ``free`` is the room on the database's disk in bytes where it is known, ``trusted``:
    somebody says that it does. ``frames`` and ``keys``: how many of them one transaction takes on, about.
    """

    connection: Connection[TupleRow]
    settings: Settings
    clock: Clock
    book: DecoderBook = field(default_factory=DecoderBook)
    free: int | None = None
    trusted: bool = False
    frames: int = FRAMES
    keys: int = KEYS

    @property
    def rules(self) -> TimeRules:
        return TimeRules.of(self.settings)


def spare_the_collector() -> None:
    """For a process that does nothing else: chunks are hundreds of thousands of small objects without cycles.

    Measured: a tenth of the time.
    """
    gc.freeze()
    gc.set_threshold(100_000)


def make_plan(shop: Workshop, scope: Scope) -> Plan:
    """What there is to do. Raises RedecodeRefused, psycopg.Error."""
    if scope.decoder is not None and shop.book.find(scope.decoder) is None:
        raise RedecodeRefused(f"there is no decoder {scope.decoder}; terroir decoders list shows those there are")
    return plan(shop.connection, scope, shop.settings.late_limit)


def preview(
    shop: Workshop, planned: Plan, progress: Progress = go_on, report: Report | None = None
) -> tuple[Report, bool]:
    """What the run would do, and whether all of it was looked at; writes nothing and locks nothing.

    A ``report`` that is given is filled, so that ``progress`` may look at it.
    """
    places = Places(shop.connection, writing=False)
    settler = Settler(places)
    report = report or Report()
    for part in Reader(shop.connection, planned, places, shop.book, shop.rules).parts(frames=shop.frames):
        decided = settler.settle(shop.connection, part, settler.series_of(part))
        settler.done(decided)
        report.add(part, decided, places)
        if not progress(report.frames, planned.frames):
            return report, part.then is None
    return report, True


def apply(shop: Workshop, run: Run, progress: Progress = go_on) -> bool:
    """Begin or go on with a run; True when it is done, False when ``progress`` stopped it.

    Raises RedecodeRefused when it cannot be done, StoreUnavailable or psycopg.Error when the store is away: what is
    done stays, and the next call goes on.
    """
    planned = make_plan(shop, run.scope)
    if run.position is None:
        check_room(shop.connection, planned.frames, shop.free, trusted=shop.trusted)
    with shop.connection.transaction():
        runs.begin(shop.connection, run.run, planned, shop.clock())
    places = Places(shop.connection, writing=True)
    settler = Settler(places)
    reader = Reader(shop.connection, planned, places, shop.book, shop.rules)
    done = run.frames_done
    for part in reader.parts(run.position, shop.frames):
        insisting(lambda part=part: apply_part(shop.connection, run.run, part, reader, settler, shop.clock))
        done += len(part.frames)
        if not progress(done, planned.frames):
            return False
    _tidy(shop)
    runs.set_state(shop.connection, run.run, State.DONE, finished_at=shop.clock())
    return True


def undo(shop: Workshop, run: Run, progress: Progress = go_on) -> bool:
    """Take a run back, or go on with that; as ``apply``."""
    check_undo(shop, run)
    runs.set_state(shop.connection, run.run, State.UNDOING)
    total = run.restored + sum(count for number, count in runs.kept(shop.connection).items() if number == run.run)
    undoing = Undo(shop.connection, run, shop.book, shop.rules, shop.clock)
    done = run.restored
    for chunk in undoing.chunks(shop.keys):
        insisting(lambda chunk=chunk: undoing.restore(chunk))
        done += len(chunk)
        if not progress(done, total):
            return False
    _tidy(shop)
    with shop.connection.transaction():
        store.give_pending_back(shop.connection, run.run)
        runs.set_undone(shop.connection, run.run, shop.clock())
        runs.set_state(shop.connection, run.run, State.UNDONE, finished_at=shop.clock())
    return True


def check_undo(shop: Workshop, run: Run) -> None:
    """Raise RedecodeRefused unless the run can be undone now."""
    if run.action != "apply":
        raise RedecodeRefused(f"run {run.run} was a preview: there is nothing to undo")
    if run.state == State.UNDONE:
        raise RedecodeRefused(f"run {run.run} is undone already")
    if run.forgotten_at is not None:
        raise RedecodeRefused(f"the previous values of run {run.run} were forgotten: it cannot be undone any more")
    if run.started_at is None:
        raise RedecodeRefused(f"run {run.run} has changed nothing: there is nothing to undo")
    later = runs.later_runs(shop.connection, run)
    if later:
        raise RedecodeRefused(f"run {later[0]} decoded the same model again after it: undo that one first")


def forget(shop: Workshop, run: Run, progress: Progress = go_on) -> None:
    """Give up the way back of a run, and the room it takes. Raises RedecodeRefused for one that is under way."""
    if run.action == "apply" and run.state not in (State.DONE, State.UNDONE, State.FAILED):
        raise RedecodeRefused(f"run {run.run} is not finished: finish it with --resume {run.run} or --undo {run.run}")
    total = runs.kept(shop.connection).get(run.run, 0)
    done = 0
    while removed := runs.forget_previous(shop.connection, run.run, 20_000):
        done += removed
        progress(done, total)
    with shop.connection.transaction():
        runs.set_forgotten(shop.connection, run.run, shop.clock())


def insisting(work: Callable[[], T]) -> T:
    """Call ``work`` again while others are in its way. Raises what stays after ``ATTEMPTS``."""
    for attempt in range(ATTEMPTS - 1):
        try:
            return work()
        except (StoreUnavailable, psycopg.Error) as error:
            trouble = classify(error) if isinstance(error, psycopg.Error) else error
            state = error.sqlstate if isinstance(error, psycopg.Error) else "40001"
            if not isinstance(trouble, StoreUnavailable) or state not in _IN_THE_WAY:
                raise
            structlog.get_logger().info("redecode_chunk_again", error=str(trouble))
        time.sleep(0.1 * 2**attempt)
    return work()


_IN_THE_WAY = frozenset({"40001", "40P01", "55P03"})
"""Serialisation failure, deadlock, lock timeout."""


def _tidy(shop: Workshop) -> None:
    """Compress again what had to be opened, and have the rollups follow."""
    while chunk := store.next_to_recompress(shop.connection):
        insisting(lambda chunk=chunk: store.recompress(shop.connection, chunk))
    store.refresh_rollups_soon(shop.connection)
