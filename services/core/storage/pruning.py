"""Forgetting what has served: idempotency keys and old changes, a bounded number of rows at a time."""

from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.storage.queries import load


def prune_seen(connection: Connection[TupleRow], before: datetime, rows: int) -> int:
    """Remove at most ``rows`` idempotency keys older than ``before``; returns how many.

    Raises psycopg.Error.
    """
    return connection.execute(load("pruning")["prune_seen"], {"before": before, "rows": rows}).rowcount


def prune_batches(connection: Connection[TupleRow], before: datetime, rows: int) -> int:
    """Remove at most ``rows`` changes older than ``before`` that every consumer has read; returns how many.

    Raises psycopg.Error.
    """
    return connection.execute(load("pruning")["prune_batches"], {"before": before, "rows": rows}).rowcount
