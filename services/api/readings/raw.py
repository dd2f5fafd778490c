"""Raw values series by series, from a stream that is ordered by series."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import groupby

from services.api.access import Connection
from services.api.readings.plan import Task, span_of
from services.api.readings.question import Question
from services.core.storage.points import SeriesRow
from services.core.storage.readings import RawRow, stream_raw


async def raw_chunks(
    connection: Connection, asked: Question, task: Task
) -> AsyncGenerator[tuple[SeriesRow, list[RawRow]]]:
    """Values in chunks of one series each, in order of series and time; an empty chunk for a series without values."""
    waiting = list(task.series)
    current: SeriesRow | None = None
    async with aclosing(stream_raw(connection, span_of(asked, task))) as stream:
        async for rows in stream:
            for series, group in groupby(rows, key=lambda row: row.series):
                while current is None or current.id != series:
                    current = waiting.pop(0)
                    if current.id != series:
                        yield current, []
                yield current, list(group)
    for row in waiting:
        yield row, []
