"""The feed of changes: table ``batch``, read by each consumer once, in the order in which changes became final.

Two writers commit out of order, so below what is visible something may still appear: a batch is handed out only when
every transaction older than it has ended (``pg_snapshot_xmin``). A consumer's cursor moves in the transaction that
holds the consumer's own work: both are kept or neither.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from services.core.storage.queries import load

CHANNEL = "terroir_batch"
"""NOTIFY channel of new batches: an empty hint to look, nothing more."""

COUNTED = 10_000
"""``lag`` counts unread batches up to this."""


@dataclass(frozen=True, slots=True)
class Touch:
    """Readings of ``series`` changed between ``from_at`` and ``to_at``, both included."""

    series: int
    from_at: datetime
    to_at: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """One committed change. The ids and times of receipt bound the frames it stored; None: it stored none."""

    xid: int
    id: int
    kind: str
    committed_at: datetime
    first_uplink: int | None
    last_uplink: int | None
    first_received: datetime | None
    last_received: datetime | None
    touched: tuple[Touch, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """Batches in their order; ``more``: there are others behind them already."""

    batches: tuple[Batch, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Lag:
    """What a consumer has not read: how many batches (``COUNTED`` at most), and when the oldest was committed."""

    consumer: str
    batches: int
    oldest: datetime | None


def take(connection: Connection[TupleRow], consumer: str, *, batches: int = 500, budget: int = 500_000) -> Taken:
    """The next batches for ``consumer``, which counts them as read when the current transaction commits.

    At most ``batches``, and no more than ``budget`` of work (hours touched, summed over series), but one at least
    when there is one. A new consumer starts with the oldest batch kept. A second reader of the same name waits for
    the first one's transaction. Raises RuntimeError outside a transaction, psycopg.Error.
    """
    if connection.autocommit and connection.info.transaction_status == TransactionStatus.IDLE:
        raise RuntimeError(f"{consumer} must read the feed inside the transaction that holds its own work")
    sql = load("changes")
    register(connection, consumer)
    cursor = connection.execute(sql["lock_cursor"], {"consumer": consumer}).fetchone()
    if cursor is None:
        raise RuntimeError(f"the cursor of {consumer} was removed while it reads: do not run two releases at once")
    rows = connection.execute(
        sql["next_batches"], {"xid": cursor[0], "id": cursor[1], "batches": batches, "budget": budget}
    ).fetchall()
    taken = tuple(_batch(row[1:]) for row in rows)
    if not taken:
        return Taken((), False)
    last = {"consumer": consumer, "xid": str(taken[-1].xid), "id": taken[-1].id}
    connection.execute(sql["move_cursor"], last)
    return Taken(taken, more=rows[-1][0] or len(rows) == batches)


def register(connection: Connection[TupleRow], consumer: str) -> None:
    """Keep the feed from being pruned before ``consumer`` has read it; nothing new for one that reads already."""
    connection.execute(load("changes")["register_consumer"], {"consumer": consumer})


def forget(connection: Connection[TupleRow], consumer: str) -> None:
    """Drop the cursor of a consumer that reads no more, which would keep the feed from being pruned."""
    connection.execute(load("changes")["forget_consumer"], {"consumer": consumer})


def lag(connection: Connection[TupleRow]) -> tuple[Lag, ...]:
    """How far each consumer is behind, including what no one may read yet for an older transaction still running."""
    rows = connection.execute(load("changes")["feed_lag"], {"most": COUNTED}).fetchall()
    return tuple(Lag(consumer, count, oldest) for consumer, count, oldest in rows)


def settle_restored(connection: Connection[TupleRow]) -> bool:
    """Put a feed restored from another server's backup in front of this server's own; whether there was one.

    Its transaction numbers mean nothing here: those ahead of this server's would hide from every consumer until the
    server had counted up to them, and cursors at such numbers would skip all that is new. Consumers get again what was
    read out of order of ids at the time of the backup, and miss nothing.
    """
    sql = load("changes")
    with connection.transaction():
        connection.execute("LOCK TABLE batch_cursor IN SHARE ROW EXCLUSIVE MODE")
        found = connection.execute(sql["last_batch_of_another_server"]).fetchone()
        if found is None or (found[0] is None and not found[1]):
            return False
        connection.execute(sql["settle_cursors"], {"last": found[0] or 0})
        connection.execute(sql["settle_batches"], {"last": found[0] or 0})
        return True


def _batch(row: TupleRow) -> Batch:
    xid, number, *change, series, from_at, to_at = row
    kind, committed_at, first_uplink, last_uplink, first_received, last_received = change
    touched = tuple(map(Touch, series, from_at, to_at))
    return Batch(
        int(xid), number, kind, committed_at, first_uplink, last_uplink, first_received, last_received, touched
    )
