"""What a run of ingest says of itself to the ledger outside of any batch."""

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.storage.queries import load
from services.core.storage.writer_types import Run


def state_run(connection: Connection[TupleRow], run: Run) -> None:
    """Keep the totals of a run that stores nothing; said twice it is the same. Raises psycopg.Error."""
    totals = sorted((day, name, count) for (day, name), count in run.totals.items() if count)
    if not totals:
        return
    connection.execute(
        load("ledger")["state_messages"],
        {
            "run": run.id,
            "source": [run.source] * len(totals),
            "day": [day for day, _, _ in totals],
            "outcome": [name for _, name, _ in totals],
            "messages": [count for _, _, count in totals],
        },
    )
