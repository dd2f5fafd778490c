"""Which run a command means: a new one, one that was interrupted, one to undo."""

from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.redecoding.scope import RedecodeRefused, Scope
from services.core.storage.redecode_runs import Run, State, add_run, get_run, unfinished_runs


def run_to_apply(connection: Connection[TupleRow], scope: Scope, to_given: bool, by: str, now: datetime) -> Run:
    """The interrupted run of the same request, or a new one. Raises RedecodeRefused while another is not finished."""
    for run in unfinished_runs(connection):
        if run.state == State.WORKING and run.origin == "command" and _same(run, scope, to_given):
            return run
        raise RedecodeRefused(_unfinished(run))
    return add_run(connection, scope, action="apply", origin="command", state=State.WORKING, by=by, at=now)


def run_to_resume(connection: Connection[TupleRow], number: int) -> Run:
    """The run of that number, which must not be finished. Raises RedecodeRefused."""
    run = found(connection, number)
    if run.action != "apply":
        raise RedecodeRefused(f"run {number} was a preview: ask for it again")
    if run.state in (State.DONE, State.UNDONE):
        raise RedecodeRefused(f"run {number} is {run.state}: there is nothing to go on with")
    _refuse_beside(connection, number)
    return run


def run_to_undo(connection: Connection[TupleRow], number: int) -> Run:
    """The run of that number, when nothing else is under way. Raises RedecodeRefused."""
    run = found(connection, number)
    _refuse_beside(connection, number)
    return run


def found(connection: Connection[TupleRow], number: int) -> Run:
    """The run of that number. Raises RedecodeRefused."""
    run = get_run(connection, number)
    if run is None:
        raise RedecodeRefused(f"there is no run {number}; terroir redecode --list shows those there are")
    return run


def _refuse_beside(connection: Connection[TupleRow], number: int) -> None:
    for other in unfinished_runs(connection):
        if other.run != number and other.state != State.WAITING:
            raise RedecodeRefused(_unfinished(other))


def _unfinished(run: Run) -> str:
    if run.origin == "api":
        return f"run {run.run} of {run.model}, asked for through the API, is not finished: the worker is at it"
    return (
        f"run {run.run} of {run.model} is not finished: go on with --resume {run.run}, or take it back with "
        f"--undo {run.run}"
    )


def _same(run: Run, scope: Scope, to_given: bool) -> bool:
    until = run.to_at == scope.to_at if to_given else run.to_at == run.asked_at
    return until and (run.model, run.from_at, run.dev_eui, run.decoder) == (
        scope.model,
        scope.from_at,
        scope.dev_eui,
        scope.decoder,
    )
