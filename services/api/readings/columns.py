"""Periods to columns: the asked aggregate of each series, gaps filled as asked."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import pairwise

from services.api.access import Connection
from services.api.readings.plan import Task, span_of
from services.api.readings.question import Agg, Fill, Question
from services.core.storage.points import SeriesRow
from services.core.storage.readings import (
    Statistics,
    stream_increase,
    stream_ordered,
    stream_percentile,
    stream_statistics,
)

_FRACTIONS = {Agg.P50: 0.50, Agg.P95: 0.95}
_ORDERED = frozenset({Agg.FIRST, Agg.LAST})

Values = list[float | None]


@dataclass(frozen=True, slots=True)
class Column:
    """A series' values; `buckets` count from 0, the first period of the question."""

    series: SeriesRow
    buckets: Sequence[int]
    values: Sequence[float | None]


async def columns(connection: Connection, asked: Question, task: Task) -> AsyncGenerator[Column]:
    """A column for every series of the task, those without values too, in order of series."""
    waiting = list(task.series)
    async with aclosing(_computed(connection, asked, task)) as computed:
        async for series, buckets, values in computed:
            while waiting[0].id != series:
                yield _column(asked, task, waiting.pop(0), [], [])
            yield _column(asked, task, waiting.pop(0), buckets, values)
    for row in waiting:
        yield _column(asked, task, row, [], [])


async def _computed(
    connection: Connection, asked: Question, task: Task
) -> AsyncGenerator[tuple[int, list[int], list[float]]]:
    """Series id, buckets from 1, and values: of the series that have any, in order of id."""
    span = span_of(asked, task)
    agg = task.agg
    if agg is Agg.P50 or agg is Agg.P95:
        async with aclosing(stream_percentile(connection, span, _FRACTIONS[agg])) as percentiles:
            async for rows in percentiles:
                for row in rows:
                    yield row.series, row.buckets, row.value
    elif agg is Agg.INCREASE:
        async with aclosing(stream_increase(connection, task.source, span)) as increases:
            async for rows in increases:
                for row in rows:
                    yield row.series, row.buckets, row.increase
    elif agg in _ORDERED:
        async with aclosing(stream_ordered(connection, task.source, span)) as ordered:
            async for rows in ordered:
                for row in rows:
                    yield row.series, row.buckets, row.first if agg is Agg.FIRST else row.last
    else:
        async with aclosing(stream_statistics(connection, task.source, span)) as statistics:
            async for rows in statistics:
                for row in rows:
                    yield row.series, row.buckets, _of_statistics(agg, row)


def _of_statistics(agg: Agg | None, row: Statistics) -> list[float]:
    columns = {Agg.SUM: row.sum, Agg.MIN: row.min, Agg.MAX: row.max, Agg.COUNT: [float(n) for n in row.n]}
    if agg is not None and agg in columns:
        return columns[agg]
    return [total / n for total, n in zip(row.sum, row.n, strict=True)]


def _column(asked: Question, task: Task, row: SeriesRow, buckets: list[int], values: list[float]) -> Column:
    found = [bucket - 1 for bucket in buckets]
    if asked.fill is Fill.NONE:
        return Column(row, found, values)
    count = len(asked.edges) - 1
    fill = Fill.NULL if task.agg is Agg.COUNT else asked.fill
    filled = filled_values(fill, count, found, values)
    if task.agg is Agg.COUNT:
        filled = [0.0 if value is None else value for value in filled]
    return Column(row, range(count), filled)


def filled_values(fill: Fill, count: int, buckets: Sequence[int], values: Sequence[float]) -> Values:
    """`count` values: those given at their buckets, the others as `fill` says. Nothing is made up outside the first
    and (for LINEAR) the last value given.
    """
    filled: Values = [None] * count
    for bucket, value in zip(buckets, values, strict=True):
        filled[bucket] = value
    if fill is Fill.PREVIOUS:
        for bucket in range(1, count):
            if filled[bucket] is None:
                filled[bucket] = filled[bucket - 1]
    elif fill is Fill.LINEAR:
        known = list(zip(buckets, values, strict=True))
        for (left, low), (right, high) in pairwise(known):
            for bucket in range(left + 1, right):
                filled[bucket] = low + (high - low) * (bucket - left) / (right - left)
    return filled
