"""Re-decodes that administrators asked for through the API: the API decodes nothing itself."""

import time
from dataclasses import asdict
from datetime import timedelta

import structlog

from services.core.decoder_book import DecoderBook
from services.core.redecoding import running
from services.core.redecoding.previewing import Report
from services.core.redecoding.room import free_bytes
from services.core.redecoding.scope import Plan, RedecodeRefused
from services.core.storage import redecode_runs as runs
from services.core.storage.redecode_runs import Counts, Run, State
from services.worker.job import Context, Job, Progress

SECONDS = 5.0
"""How long a step goes on; then others may have the lock, such as a command."""


def step(context: Context) -> Progress:
    """Go on with the oldest request for a few seconds."""
    connection = context.connection
    run = runs.next_for_worker(connection)
    if run is None or _other_under_way(context, run):
        return Progress.IDLE
    book = DecoderBook(context.codecs.refresh(connection), context.runner)
    shop = running.Workshop(connection, context.settings, context.clock, book, free_bytes(connection))
    try:
        return _go_on(shop, run)
    except RedecodeRefused as refusal:
        undoing = run.state in (State.UNDO_WAITING, State.UNDOING)
        # What could not be undone stays as it is, and may be asked for again.
        state = State.DONE if undoing and run.restored == 0 else State.FAILED
        structlog.get_logger().warning("redecode_refused", run=run.run, reason=str(refusal))
        runs.set_state(connection, run.run, state, finished_at=context.clock(), failure=str(refusal))
        return Progress.MORE


def _other_under_way(context: Context, run: Run) -> bool:
    """A command's run that was interrupted goes first: its operator decides."""
    if run.action == "preview":
        return False
    others = runs.unfinished_runs(context.connection)
    return any(other.run != run.run and other.state in (State.WORKING, State.UNDOING) for other in others)


def _go_on(shop: running.Workshop, run: Run) -> Progress:
    deadline = time.monotonic() + SECONDS

    def until(done: int, total: int) -> bool:
        del done, total
        return time.monotonic() < deadline

    if run.action == "preview":
        _preview(shop, run)
        return Progress.MORE
    undoing = run.state in (State.UNDO_WAITING, State.UNDOING)
    if (running.undo if undoing else running.apply)(shop, run, until):
        structlog.get_logger().info("redecode_finished", run=run.run, undone=undoing)
    return Progress.MORE


def _preview(shop: running.Workshop, run: Run) -> None:
    """Whole, in one step: nothing of it is kept until it is done, and it holds no lock of the store."""
    planned = running.make_plan(shop, run.scope)
    runs.begin(shop.connection, run.run, planned, shop.clock())
    report, _ = running.preview(shop, planned)
    totals = report.totals
    counts = Counts(totals.added, totals.removed, totals.changed + totals.flags_only, totals.unchanged)
    runs.note_report(shop.connection, run.run, told(report, planned), report.frames, counts)
    runs.set_state(shop.connection, run.run, State.DONE, finished_at=shop.clock())


def told(report: Report, planned: Plan) -> dict[str, object]:
    """A report as it is kept and shown by the API."""
    largest = [shown for of_quantity in report.largest.values() for shown in of_quantity]
    return {
        "devices": len(planned.devices),
        "outcomes": dict(report.outcomes),
        "quantities": {name: asdict(counts) for name, counts in sorted(report.quantities.items())},
        "largest": [_plain(asdict(shown)) for shown in largest],
        "sample": [_plain(asdict(shown)) for shown in report.sample],
    }


def _plain(shown: dict[str, object]) -> dict[str, object]:
    return {**shown, "measured_at": str(shown["measured_at"]).replace(" ", "T")}


REDECODING = Job("redecode", step, interval=timedelta(seconds=30), channels=frozenset({"terroir_redecode"}))
