"""Forgetting idempotency keys and changes that have served their time."""

from datetime import timedelta

from services.core.storage.pruning import prune_batches, prune_seen
from services.worker.job import Context, Job, Progress

ROWS = 20_000
"""Rows removed in one transaction."""


def step(context: Context) -> Progress:
    """Remove one portion of each kind, in transactions of their own."""
    now = context.clock()
    removed = (
        prune_seen(context.connection, now - context.settings.seen_retention, ROWS),
        prune_batches(context.connection, now - context.settings.batch_retention, ROWS),
    )
    if ROWS in removed:
        return Progress.MORE
    return Progress.DONE if any(removed) else Progress.IDLE


PRUNING = Job("pruning", step, interval=timedelta(minutes=10))
