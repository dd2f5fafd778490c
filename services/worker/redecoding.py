"""Re-decodes that administrators asked for through the API: the API decodes nothing itself."""

import time
from dataclasses import asdict
from datetime import timedelta

import structlog

from services.core.decoder_book import DecoderBook
from services.core.redecoding import running
from services.core.redecoding.previewing import Report
from services.core.redecoding.room import NoRoom, free_bytes
from services.core.redecoding.scope import Plan, RedecodeRefused
from services.core.storage import redecode_runs as runs
from services.core.storage.redecode_runs import Counts, Run, State
from services.worker.job import Context, Job, Progress

SECONDS = 5.0
"""How long a step goes on; then others may have the lock, such as a command."""

SHOWN_EVERY = 2.0
"""Seconds between two notes of what a preview has found so far."""


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
        # Whoever is at the server can look at the disk, and decide.
        hint = f"; there: terroir redecode --resume {run.run} --enough-disk" if isinstance(refusal, NoRoom) else ""
        structlog.get_logger().warning("redecode_refused", run=run.run, reason=str(refusal))
        runs.set_state(connection, run.run, state, finished_at=context.clock(), failure=f"{refusal}{hint}")
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
    """Whole, in one step: it cannot be gone on with, and holds no lock of the store. What is found so far is shown."""
    planned = running.make_plan(shop, run.scope)
    runs.begin(shop.connection, run.run, planned, shop.clock())
    report, shown_at = Report(), time.monotonic()

    def show(done: int, total: int) -> bool:
        nonlocal shown_at
        if done == total or time.monotonic() - shown_at >= SHOWN_EVERY:
            _note(shop, run, report, planned)
            shown_at = time.monotonic()
        return True

    running.preview(shop, planned, show, report)
    _note(shop, run, report, planned)
    runs.set_state(shop.connection, run.run, State.DONE, finished_at=shop.clock())


def _note(shop: running.Workshop, run: Run, report: Report, planned: Plan) -> None:
    totals = report.totals
    counts = Counts(totals.added, totals.removed, totals.changed + totals.flags_only, totals.unchanged)
    runs.note_report(shop.connection, run.run, told(report, planned), report.frames, counts)


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
