"""Forgetting what has served its time: idempotency keys, changes, the quarantine, what waits for strangers."""

from datetime import timedelta

from services.core.storage import ledger_days
from services.core.storage.halts import prune_halts
from services.core.storage.pruning import prune_batches, prune_seen
from services.core.storage.quarantine import prune_quarantine, prune_resolved, prune_strangers
from services.worker.job import Context, Job, Progress

ROWS = 20_000
"""Rows removed in one transaction."""

SILENT_HALT = timedelta(days=7)
"""After this a halted process that says nothing any more is gone: there are fewer of them now."""


def step(context: Context) -> Progress:
    """Remove one portion of each kind, in transactions of their own."""
    now, connection, settings = context.clock(), context.connection, context.settings
    removed = (
        prune_seen(connection, now - settings.seen_retention, ROWS),
        prune_batches(connection, now - settings.batch_retention, ROWS),
        prune_quarantine(connection, now - settings.quarantine_retention, ROWS),
        prune_resolved(connection, now - settings.resolved_retention, ROWS),
        prune_strangers(connection, now - settings.quarantine_retention, ROWS),
        prune_halts(connection, now - SILENT_HALT),
        ledger_days.prune(connection, now - settings.ledger_retention, ROWS),
    )
    if ROWS in removed:
        return Progress.MORE
    return Progress.DONE if any(removed) else Progress.IDLE


PRUNING = Job("pruning", step, interval=timedelta(minutes=10))
