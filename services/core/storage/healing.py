"""How far a stream of events has been compared with the store, and who may compare it now."""

from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.storage.queries import load


def take_turn(connection: Connection[TupleRow], stream: str) -> bool:
    """True for one process at a time, until ``end_turn`` or its connection's end. This and all below: psycopg.Error."""
    row = connection.execute(load("healing")["take_turn"], {"stream": stream}).fetchone()
    return row is not None and bool(row[0])


def end_turn(connection: Connection[TupleRow], stream: str) -> None:
    connection.execute(load("healing")["end_turn"], {"stream": stream})


def position(connection: Connection[TupleRow], stream: str) -> str | None:
    """The last entry that was compared, None when none ever was."""
    row = connection.execute(load("healing")["position"], {"stream": stream}).fetchone()
    return None if row is None else str(row[0])


def move_position(connection: Connection[TupleRow], stream: str, entry: str, at: datetime) -> None:
    connection.execute(load("healing")["move_position"], {"stream": stream, "entry": entry, "at": at})
