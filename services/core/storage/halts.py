"""Which ingest processes hold their messages rather than fill the quarantine, kept where a restart finds it."""

from datetime import datetime
from typing import NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.storage.queries import load


class Halt(NamedTuple):
    """``devices`` of ``of_devices`` have sent a last frame that cannot be read, most of them for ``reason``."""

    client_id: str
    halted_at: datetime
    said_at: datetime
    devices: int
    of_devices: int
    reason: str
    detail: str
    accepted_at: datetime | None


class HaltState(NamedTuple):
    """One process's halt: ``open`` when there is one, ``accepted`` when an operator lets its messages go."""

    open: bool
    accepted: bool


def halts(connection: Connection[TupleRow]) -> list[Halt]:
    """Every one. This and all below raise psycopg.Error."""
    return [Halt(*row) for row in connection.execute(load("quarantine")["halts"])]


def halt_of(connection: Connection[TupleRow], client_id: str) -> HaltState:
    row = connection.execute(load("quarantine")["halt"], {"client_id": client_id}).fetchone()
    return HaltState(row is not None, row is not None and row[0] is not None)


def note_halt(
    connection: Connection[TupleRow],
    client_id: str,
    at: datetime,
    devices: int,
    of_devices: int,
    reason: str,
    detail: str,
) -> bool:
    """Say that a process holds its messages, at first and again; True when an operator has accepted that they go."""
    row = connection.execute(
        load("quarantine")["note_halt"],
        {
            "client_id": client_id,
            "at": at,
            "devices": devices,
            "of_devices": of_devices,
            "reason": reason,
            "detail": detail,
        },
    ).fetchone()
    return row is not None and row[0] is not None


def accept_halts(connection: Connection[TupleRow], at: datetime) -> list[str]:
    """Let the messages of all of them go to quarantine; returns the client ids."""
    return sorted(client_id for (client_id,) in connection.execute(load("quarantine")["accept_halts"], {"at": at}))


def end_halt(connection: Connection[TupleRow], client_id: str) -> None:
    connection.execute(load("quarantine")["end_halt"], {"client_id": client_id})


def prune_halts(connection: Connection[TupleRow], before: datetime) -> int:
    """Forget processes that said nothing since ``before``; returns how many."""
    return connection.execute(load("quarantine")["prune_halts"], {"before": before}).rowcount


def heard_lately(connection: Connection[TupleRow], limit: int) -> list[tuple[str, datetime]]:
    """The declared devices that were heard last and when, the newest at the end; at most ``limit``."""
    return [(dev_eui, at) for dev_eui, at in connection.execute(load("quarantine")["heard_lately"], {"limit": limit})]
