"""The last good value of each series, and how long ago ingest stored anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from services.core.storage.queries import load

Connection = AsyncConnection[TupleRow]


@dataclass(frozen=True, slots=True)
class LatestRow:
    """`value` calibrated, in the unit of the series' quantity; `flags` as in `services.core.domain.Flag`."""

    series: int
    measured_at: datetime
    value: float
    flags: int


async def latest_of(connection: Connection, series: Sequence[int]) -> dict[int, LatestRow]:
    """By series id; series without a good value, or of a personal point, are left out."""
    async with connection.cursor(row_factory=class_row(LatestRow)) as cursor:
        await cursor.execute(load("api_latest")["latest_of_series"], {"series": list(series)})
        return {row.series: row for row in await cursor.fetchall()}


async def last_batch_at(connection: Connection) -> datetime | None:
    """When ingest last committed; None when the change feed holds nothing."""
    cursor = await connection.execute(load("api_latest")["last_batch"])
    row = await cursor.fetchone()
    return None if row is None else row[0]
