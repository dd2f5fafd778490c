"""`/v1/readings` as JSON: per series a column of times and a column of values."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from tempfile import SpooledTemporaryFile
from typing import IO

import orjson
from pydantic import BaseModel, ConfigDict, Field

from services.api.access import Connection
from services.api.models import Series, series_body
from services.api.readings.calendar import Every
from services.api.readings.columns import columns
from services.api.readings.plan import Task
from services.api.readings.question import Agg, Fill, Flags, Question, rfc3339
from services.api.readings.raw import raw_chunks
from services.core.storage.points import SeriesRow
from services.core.storage.readings import Source

_SPOOL = 1 << 20
_COPY = 1 << 16


class ReadingsSeries(Series):
    """A series and its columns, which have one length."""

    point: int
    point_name: str
    agg: Agg | None = Field(description="How values of a period became one; null for raw values.")
    source: Source = Field(description="What it was computed from: raw values, hour or day rollups.")
    times: list[str] = Field(description="Begin of each period, or time of each raw value.")
    values: list[float | None] = Field(description="In `unit`.")
    flags: list[int] | None = Field(default=None, description="Raw values only: quality bit mask of each.")


class Readings(BaseModel):
    """Readings by series. `from` and `to` are the whole periods that were answered."""

    model_config = ConfigDict(serialize_by_alias=True)

    begin: str = Field(alias="from", examples=["2026-03-29T00:00:00+01:00"])
    end: str = Field(alias="to", examples=["2026-03-30T00:00:00+02:00"])
    every: Every
    fill: Fill
    tz: str
    flags: Flags
    series: list[ReadingsSeries]


async def body(connection: Connection, asked: Question, tasks: list[Task]) -> AsyncGenerator[bytes]:
    """The document in pieces, the first one when the store has answered; memory does not grow with its length."""
    lead = _head(asked)
    write = _raw if asked.every is Every.RAW else _periods
    for task in tasks:
        async with aclosing(write(connection, asked, task)) as pieces:
            async for piece in pieces:
                yield lead + piece
                lead = b""
        lead += b","
    yield lead.removesuffix(b",") + b"]}"


def _head(asked: Question) -> bytes:
    members = {
        "from": rfc3339(asked.start, asked.tz),
        "to": rfc3339(asked.end, asked.tz),
        "every": asked.every,
        "fill": asked.fill,
        "tz": asked.tz.key,
        "flags": asked.flags,
    }
    return orjson.dumps(members)[:-1] + b',"series":['


def _series(task: Task, row: SeriesRow) -> bytes:
    """The series' object up to its columns."""
    members = {
        **series_body(row).model_dump(),
        "point": row.point_id,
        "point_name": row.point_name,
        "agg": task.agg,
        "source": task.source,
    }
    return orjson.dumps(members)[:-1]


async def _periods(connection: Connection, asked: Question, task: Task) -> AsyncGenerator[bytes]:
    begins = [rfc3339(edge, asked.tz) for edge in asked.edges[:-1]]
    comma = b""
    async with aclosing(columns(connection, asked, task)) as computed:
        async for column in computed:
            times = orjson.dumps([begins[bucket] for bucket in column.buckets])
            values = orjson.dumps(column.values)
            yield comma + _series(task, column.series) + b',"times":' + times + b',"values":' + values + b"}"
            comma = b","


async def _raw(connection: Connection, asked: Question, task: Task) -> AsyncGenerator[bytes]:
    """Times leave at once; the other columns of a series wait for its end, on disk when they are long."""
    with SpooledTemporaryFile(_SPOOL) as values, SpooledTemporaryFile(_SPOOL) as flags:
        current: SeriesRow | None = None
        async with aclosing(raw_chunks(connection, asked, task)) as chunks:
            async for row, chunk in chunks:
                if row is not current:
                    if current is not None:
                        for piece in _waiting_columns(values, flags):
                            yield piece
                        yield b"},"
                    yield _series(task, row) + b',"times":['
                    current = row
                if chunk:
                    separator = b"," if values.tell() else b""
                    yield separator + _joined([rfc3339(raw.measured_at, asked.tz) for raw in chunk])
                    values.write(separator + _joined([raw.value for raw in chunk]))
                    flags.write(separator + _joined([raw.flags for raw in chunk]))
        for piece in _waiting_columns(values, flags):
            yield piece
        yield b"}"


def _waiting_columns(values: IO[bytes], flags: IO[bytes]) -> Iterator[bytes]:
    """The end of the times, then the columns that waited; leaves their files empty."""
    for name, spooled in ((b"values", values), (b"flags", flags)):
        yield b'],"' + name + b'":['
        spooled.seek(0)
        while piece := spooled.read(_COPY):
            yield piece
        spooled.seek(0)
        spooled.truncate()
    yield b"]"


def _joined(items: list[str] | list[float] | list[int]) -> bytes:
    return orjson.dumps(items)[1:-1]
