"""What keeps two workers from doing the same job at once, and what wakes them."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from services.core.storage.queries import load


@contextmanager
def job_lock(connection: Connection[TupleRow], job: str) -> Generator[bool]:
    """Hold the lock of a job, shared by all workers on this database; gives False when another has it.

    The lock belongs to the session, so it is lost only together with the connection that does the work. When the body
    raises it is kept: close the connection, whose state nobody knows then. Needs autocommit.
    """
    statements = load("jobs")
    held = connection.execute(statements["try_job_lock"], {"job": job}).fetchone() == (True,)
    yield held
    if held:
        connection.execute(statements["release_job_lock"], {"job": job})


def listen(connection: Connection[TupleRow], channels: Iterable[str]) -> None:
    """Have NOTIFY of these channels delivered to this connection. Needs autocommit."""
    for channel in channels:
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
