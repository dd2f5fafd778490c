"""The last week of a point's series, by hour, and the same by day."""

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from services.api.access import Connection
from services.api.readings.calendar import PARIS, Every, edges
from services.api.readings.columns import columns
from services.api.readings.plan import Task, group, span_of
from services.api.readings.question import Agg, Fill, Flags, Format, Question
from services.core.storage.points import SeriesFilter, SeriesRow
from services.core.storage.readings import stream_statistics

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of a series: for a gauge or state the mean of `n` values with its extremes, for the others the total."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Day:
    """A civil day, from its hours."""

    day: date
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Trend:
    """A series' week; `hours` by number of the hour, counted from the begin of `edges`, those with values only."""

    series: SeriesRow
    agg: Agg
    edges: list[datetime]
    hours: Mapping[int, Hour]

    @property
    def days(self) -> list[Day]:
        """Days with values, in order. The mean of a day weighs its hours by their number of values."""
        found: list[Day] = []
        for day, items in groupby(sorted(self.hours.items()), key=lambda item: self._day(item[0])):
            hours = [hour for _, hour in items]
            if self.agg is Agg.MEAN:
                value = sum(hour.value * hour.n for hour in hours) / sum(hour.n for hour in hours)
            else:
                value = sum(hour.value for hour in hours)
            found.append(Day(day, value, min(hour.low for hour in hours), max(hour.high for hour in hours)))
        return found

    def _day(self, hour: int) -> date:
        return self.edges[hour].astimezone(PARIS).date()


async def last_week(connection: Connection, point: int, series: list[SeriesRow], now: datetime) -> list[Trend]:
    """The trends of these series, which are of one point, in order; series without values in the week have no hours."""
    asked = Question(
        where=SeriesFilter(points=[point]),
        every=Every.HOUR,
        agg=None,
        fill=Fill.NONE,
        tz=PARIS,
        flags=Flags.GOOD,
        format=Format.JSON,
        edges=edges(Every.HOUR, now - WEEK, now, PARIS),
    )
    trends: list[Trend] = []
    for task in group(asked, series):
        hours = await (_means(connection, asked, task) if task.agg is Agg.MEAN else _totals(connection, asked, task))
        trends += [Trend(row, task.agg or Agg.MEAN, asked.edges, hours.get(row.id, {})) for row in task.series]
    order = [row.id for row in series]
    return sorted(trends, key=lambda trend: order.index(trend.series.id))


async def _means(connection: Connection, asked: Question, task: Task) -> dict[int, dict[int, Hour]]:
    hours: dict[int, dict[int, Hour]] = {}
    async with aclosing(stream_statistics(connection, task.source, span_of(asked, task))) as statistics:
        async for rows in statistics:
            for row in rows:
                found = zip(row.buckets, row.n, row.sum, row.min, row.max, strict=True)
                hours[row.series] = {bucket - 1: Hour(total / n, low, high, n) for bucket, n, total, low, high in found}
    return hours


async def _totals(connection: Connection, asked: Question, task: Task) -> dict[int, dict[int, Hour]]:
    hours: dict[int, dict[int, Hour]] = {}
    async with aclosing(columns(connection, asked, task)) as computed:
        async for column in computed:
            hours[column.series.id] = {
                bucket: Hour(value, value, value, 1)
                for bucket, value in zip(column.buckets, column.values, strict=True)
                if value is not None
            }
    return hours
