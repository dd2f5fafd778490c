"""The rollups by hour and day, kept up with the feed on servers that do not keep them themselves."""

from datetime import timedelta

from services.core.storage import changes, rollups
from services.worker.job import Context, Job, Progress

CONSUMER = "rollups"
BUDGET = 100_000
"""Series-hours touched that one transaction takes on: 2 to 5 s on two cores. While it runs, no consumer of the feed
sees what was committed after it began."""


def step(context: Context) -> Progress:
    """Compute anew what the next changes touched; they count as read in the same transaction."""
    connection = context.connection
    with connection.transaction():
        if not rollups.kept_by_worker(connection):
            changes.forget(connection, CONSUMER)
            return Progress.NOT_NEEDED
        taken = changes.take(connection, CONSUMER, budget=BUDGET)
        # Rollups hold what was decoded: what installations make of it is applied when they are read.
        changed = [batch for batch in taken.batches if batch.kind != "parameters"]
        rollups.recompute(connection, (touch for batch in changed for touch in batch.touched))
    if taken.more:
        return Progress.MORE
    return Progress.DONE if taken.batches else Progress.IDLE


# Busy servers commit many batches a second, most of them touching the same hour: a second of rest lets them gather. A
# history on its way, of which a second holds hours of every series, takes more of it.
ROLLUPS = Job(
    "rollups",
    step,
    channels=frozenset({changes.CHANNEL}),
    rest=timedelta(seconds=1),
    leisure=3.0,
    consumer=CONSUMER,
)
