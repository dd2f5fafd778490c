"""Runs of re-decoding: the requests, how far they are, and what they found."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from services.core.redecoding.scope import Plan, Position, Scope
from services.core.storage.queries import load


class State(StrEnum):
    """How a run stands."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    UNDO_WAITING = "undo_waiting"
    UNDOING = "undoing"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Counts:
    """Readings of a run: new ones, those that are gone, other ones in place, and those that stayed as they were."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """A row of ``redecode``; ``started_at`` None: not begun."""

    run: int
    action: str
    origin: str
    state: str
    organisation_id: int | None
    asked_by: str
    asked_at: datetime
    undo_asked_by: str | None
    undo_asked_at: datetime | None
    finished_at: datetime | None
    forgotten_at: datetime | None
    model: str
    dev_eui: str | None
    decoder: str | None
    from_at: datetime | None
    to_at: datetime
    sample: int | None
    devices: int | None
    frames: int | None
    frames_done: int
    added: int
    removed: int
    changed: int
    unchanged: int
    restored: int
    next_device: str | None
    next_at: datetime | None
    undo_series: int | None
    undo_at: datetime | None
    report: Any
    failure: str | None
    started_at: datetime | None
    undone_at: datetime | None

    @property
    def scope(self) -> Scope:
        return Scope(
            self.model, self.to_at, self.from_at, self.dev_eui, self.decoder, self.organisation_id, self.sample
        )

    @property
    def position(self) -> Position | None:
        return None if self.next_device is None else Position(self.next_device, self.next_at)


def add_run(
    connection: Connection[TupleRow], scope: Scope, *, action: str, origin: str, state: State, by: str, at: datetime
) -> Run:
    """A new run."""
    parameters = {
        "action": action,
        "origin": origin,
        "state": state.value,
        "organisation": scope.organisation,
        "asked_by": by,
        "asked_at": at,
        "model": scope.model,
        "dev_eui": scope.dev_eui,
        "decoder": scope.decoder,
        "from_at": scope.from_at,
        "to_at": scope.to_at,
        "sample": scope.sample,
    }
    row = connection.execute(load("redecode_runs")["add"], parameters).fetchone()
    found = None if row is None else get_run(connection, row[0])
    if found is None:
        raise RuntimeError("a run that was added is not there")
    return found


def get_run(connection: Connection[TupleRow], run: int) -> Run | None:
    """The run of that number."""
    found = _select(connection, "one", {"run": run})
    return found[0] if found else None


def all_runs(connection: Connection[TupleRow]) -> list[Run]:
    """Every run, newest first."""
    return _select(connection, "every")


def unfinished_runs(connection: Connection[TupleRow]) -> list[Run]:
    """Runs that change readings and are not finished, oldest first."""
    return _select(connection, "unfinished")


def next_for_worker(connection: Connection[TupleRow]) -> Run | None:
    """What the worker does next."""
    found = _select(connection, "next_for_worker")
    return found[0] if found else None


def later_runs(connection: Connection[TupleRow], run: Run) -> list[int]:
    """Runs that may have decoded the same frames after it and still count, newest first."""
    parameters = {"run": run.run, "model": run.model, "dev_eui": run.dev_eui}
    return [number for (number,) in connection.execute(load("redecode_runs")["later_than"], parameters)]


def begin(connection: Connection[TupleRow], run: int, plan: Plan, at: datetime) -> None:
    """The run starts, or goes on."""
    sql = load("redecode_runs")
    connection.execute(sql["start"], {"run": run, "started_at": at})
    connection.execute(sql["set_plan"], {"run": run, "devices": len(plan.devices), "frames": plan.frames})


def set_state(
    connection: Connection[TupleRow],
    run: int,
    state: State,
    *,
    finished_at: datetime | None = None,
    failure: str | None = None,
) -> None:
    """The run enters another state."""
    parameters = {"run": run, "state": state.value, "finished_at": finished_at, "failure": failure}
    connection.execute(load("redecode_runs")["set_state"], parameters)


def note_progress(
    connection: Connection[TupleRow], run: int, then: Position | None, frames: int, counts: Counts
) -> None:
    """A part is done; ``then`` None: it was the last."""
    parameters = {
        "run": run,
        "next_device": LAST if then is None else then.dev_eui,
        "next_at": None if then is None else then.at,
        "frames": frames,
        "added": counts.added,
        "removed": counts.removed,
        "changed": counts.changed,
        "unchanged": counts.unchanged,
    }
    connection.execute(load("redecode_runs")["progress"], parameters)


LAST = "g"
"""Behind every DevEUI: nothing is left to decode."""


def note_undone(connection: Connection[TupleRow], run: int, series: int, measured_at: datetime, rows: int) -> None:
    """What the run replaced up to this key is as it was."""
    parameters = {"run": run, "series": series, "measured_at": measured_at, "rows": rows}
    connection.execute(load("redecode_runs")["undo_progress"], parameters)


def note_report(connection: Connection[TupleRow], run: int, report: object, frames_done: int, counts: Counts) -> None:
    """What a preview has found so far."""
    parameters = {
        "run": run,
        "report": Jsonb(report),
        "frames_done": frames_done,
        "added": counts.added,
        "removed": counts.removed,
        "changed": counts.changed,
        "unchanged": counts.unchanged,
    }
    connection.execute(load("redecode_runs")["set_report"], parameters)


def set_undone(connection: Connection[TupleRow], run: int, at: datetime) -> None:
    """What the run concluded counts no more."""
    connection.execute(load("redecode_runs")["set_undone"], {"run": run, "at": at})


def forget_previous(connection: Connection[TupleRow], run: int, rows: int) -> int:
    """Drop at most ``rows`` of what a run replaced; returns how many."""
    return connection.execute(load("redecode_runs")["forget_previous"], {"run": run, "rows": rows}).rowcount


def set_forgotten(connection: Connection[TupleRow], run: int, at: datetime) -> None:
    """The run has no way back any more."""
    connection.execute(load("redecode_runs")["set_forgotten"], {"run": run, "at": at})


def kept(connection: Connection[TupleRow]) -> dict[int, int]:
    """How many previous values each run keeps."""
    return dict(connection.execute(load("redecode_runs")["kept"]).fetchall())


def _select(connection: Connection[TupleRow], name: str, parameters: dict[str, int] | None = None) -> list[Run]:
    with connection.cursor(row_factory=class_row(Run)) as cursor:
        return cursor.execute(load("redecode_runs")[name], parameters).fetchall()
