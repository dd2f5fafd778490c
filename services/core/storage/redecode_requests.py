"""What the API asks of re-decoding: requests, which the worker executes; row security says whose."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow, TupleRow, dict_row

from services.core.storage.queries import load

Connection = AsyncConnection[TupleRow]


@dataclass(frozen=True, slots=True)
class Request:
    """A run to ask for; `by`: the id of the key."""

    action: str
    model: str
    dev_eui: str | None
    from_at: datetime | None
    to_at: datetime
    by: str
    at: datetime


async def list_requests(connection: Connection, *, before: int, limit: int, run: int | None = None) -> list[DictRow]:
    """Runs the caller may see, newest first, below a number."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(load("redecode_runs")["visible"], {"before": before, "limit": limit, "run": run})
        return await cursor.fetchall()


async def may_redecode(connection: Connection, model: str, dev_eui: str | None) -> tuple[bool, bool]:
    """Whether the model exists, and whether the caller may write a device of it (that one)."""
    cursor = await connection.execute(load("redecode_runs")["may_redecode"], {"model": model, "dev_eui": dev_eui})
    row = await cursor.fetchone()
    return (False, False) if row is None else (row[0], row[1])


async def under_way(connection: Connection) -> int | None:
    """A run of the caller's organisation that is not finished."""
    row = await (await connection.execute(load("redecode_runs")["under_way"])).fetchone()
    return None if row is None else row[0]


async def ask(connection: Connection, request: Request) -> int:
    """Ask for a run; its number."""
    parameters = {
        "action": request.action,
        "asked_by": request.by,
        "asked_at": request.at,
        "model": request.model,
        "dev_eui": request.dev_eui,
        "from_at": request.from_at,
        "to_at": request.to_at,
        "sample": None,
    }
    row = await (await connection.execute(load("redecode_runs")["ask"], parameters)).fetchone()
    if row is None:
        raise RuntimeError("a request that was added has no number")
    return row[0]


async def ask_undo(connection: Connection, run: int, by: str, at: datetime) -> bool:
    """Ask for the undo of a run; False when its state or row security does not allow it."""
    parameters = {"run": run, "asked_by": by, "asked_at": at}
    return await (await connection.execute(load("redecode_runs")["ask_undo"], parameters)).fetchone() is not None
