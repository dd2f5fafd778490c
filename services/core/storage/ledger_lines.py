"""The ledger as the API asks it, through row security."""

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from services.core.storage.ledger import Line, Platform, PlatformCount, Question
from services.core.storage.ledger_months import Closed
from services.core.storage.queries import load

Connection = AsyncConnection[TupleRow]


async def list_lines(connection: Connection, question: Question) -> list[Line]:
    """A page of lines in the order of the question."""
    row = await (await connection.execute(load("ledger_read")["closed"])).fetchone()
    parameters = question.parameters(None if row is None else Closed(*row))
    async with connection.cursor(row_factory=class_row(Line)) as cursor:
        await cursor.execute(question.statement, parameters, prepare=False)
        return await cursor.fetchall()


async def platform_line(connection: Connection, question: Question) -> Platform | None:
    """The platform's own line on these days; None for whoever does not run it, or when nothing was counted."""
    sql, days = load("ledger_read"), {"first": question.first, "last": question.last}
    counts = [PlatformCount(*row) for row in await (await connection.execute(sql["platform"], days)).fetchall()]
    if not counts:
        return None
    lost = await (await connection.execute(sql["lost_inside"], days)).fetchone()
    return Platform(counts, int(lost[0]) if lost else 0)


async def readable_organisations(connection: Connection) -> list[int] | None:
    """Those of the reader; None for the organisation that runs the network, which sees devices of nobody too."""
    rows = await (await connection.execute(load("ledger_read")["readable"])).fetchall()
    return [int(number) for (number,) in rows] or None


async def organisations_below(connection: Connection, organisation: int) -> list[int]:
    """The organisation and those below it, as far as the reader sees them."""
    rows = await connection.execute(load("ledger_read")["organisations"], {"organisation": str(organisation)})
    return [int(number) for (number,) in await rows.fetchall()]
