"""Values of series over time: raw, or by buckets from raw values or rollups."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from psycopg import AsyncConnection, AsyncServerCursor
from psycopg.rows import BaseRowFactory, TupleRow, args_row

from services.core.storage.queries import load

Connection = AsyncConnection[TupleRow]

LOOK_BACK = timedelta(days=31)
"""How far before a range one looks for where a counter stood."""
_RAW_ROWS = 5000
_SERIES_ROWS = 20


class Source(StrEnum):
    """Where buckets are computed from. HOUR and DAY hold good values only."""

    RAW = "raw"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Span:
    """What to read: the series and those that store what they show, in any order; bucket edges (ascending, the last one
    ends the range), and whether bad values count.
    """

    series: Sequence[int]
    sources: Sequence[int]
    edges: Sequence[datetime]
    all_flags: bool = False


@dataclass(frozen=True, slots=True)
class RawRow:
    """One value as it is shown; `flags` as in `services.core.domain.Flag`."""

    series: int
    measured_at: datetime
    value: float
    flags: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of one series, columns over the buckets that hold values; `buckets` count from 1 (the first pair of edges)."""

    series: int
    buckets: list[int]
    n: list[int]
    sum: list[float]
    min: list[float]
    max: list[float]


@dataclass(frozen=True, slots=True)
class Ordered:
    """Likewise what depends on order."""

    series: int
    buckets: list[int]
    first: list[float]
    last: list[float]


@dataclass(frozen=True, slots=True)
class Increase:
    """Likewise what a counter counted from the last value before the bucket to the last one in it."""

    series: int
    buckets: list[int]
    increase: list[float]


@dataclass(frozen=True, slots=True)
class Percentile:
    """Likewise the value below which the asked fraction of values lies."""

    series: int
    buckets: list[int]
    value: list[float]


def stream_raw(connection: Connection, span: Span) -> AsyncGenerator[list[RawRow]]:
    """Values in order of series and time, a few thousand at once. Close it: `contextlib.aclosing`."""
    return _stream(connection, "raw", _parameters(span), args_row(RawRow), _RAW_ROWS)


def stream_statistics(connection: Connection, source: Source, span: Span) -> AsyncGenerator[list[Statistics]]:
    """Number, sum and extremes per bucket, in order of series; series without values are left out."""
    return _stream(connection, f"statistics_{source}", _parameters(span), args_row(Statistics), _SERIES_ROWS)


def stream_ordered(connection: Connection, source: Source, span: Span) -> AsyncGenerator[list[Ordered]]:
    """First and last per bucket, in order of series; series without values are left out."""
    return _stream(connection, f"ordered_{source}", _parameters(span), args_row(Ordered), _SERIES_ROWS)


def stream_percentile(connection: Connection, span: Span, fraction: float) -> AsyncGenerator[list[Percentile]]:
    """A percentile per bucket (0 < fraction < 1), from raw values, in order of series."""
    parameters = {**_parameters(span), "fraction": fraction}
    return _stream(connection, "percentile_raw", parameters, args_row(Percentile), _SERIES_ROWS)


def stream_increase(connection: Connection, source: Source, span: Span) -> AsyncGenerator[list[Increase]]:
    """What counters counted per bucket, in order of series. Values up to `LOOK_BACK` before the first edge tell where
    they stood; series without values are left out.
    """
    parameters = {**_parameters(span), "since": span.edges[0] - LOOK_BACK}
    return _stream(connection, f"increase_{source}", parameters, args_row(Increase), _SERIES_ROWS)


_Parameter = Sequence[int] | Sequence[datetime] | datetime | bool | float
_Row = TypeVar("_Row")


def _parameters(span: Span) -> Mapping[str, _Parameter]:
    return {
        "series": list(span.series),
        "sources": list(span.sources),
        "edges": list(span.edges),
        "from": span.edges[0],
        "to": span.edges[-1],
        "all_flags": span.all_flags,
    }


async def _stream(
    connection: Connection,
    name: str,
    parameters: Mapping[str, _Parameter],
    row_factory: BaseRowFactory[_Row],
    at_once: int,
) -> AsyncGenerator[list[_Row]]:
    """The rows of a statement by a server-side cursor, so that memory does not grow with the answer."""
    async with AsyncServerCursor(connection, "readings", row_factory=row_factory) as cursor:
        await cursor.execute(load("api_readings")[name], parameters, binary=True)
        while rows := await cursor.fetchmany(at_once):
            yield rows
