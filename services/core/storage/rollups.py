"""Rollups by hour and day as tables, computed anew from what they summarise. See migration 0005 for their columns.

Only on grades without continuous aggregates. Nothing is added up across runs, so doing a period twice is harmless and
late, corrected and removed readings come out right.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.storage.changes import Touch
from services.core.storage.queries import load

HOUR = timedelta(hours=1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """Whole hours of one series: ``from_at`` included, ``to_at`` not."""

    series: int
    from_at: datetime
    to_at: datetime

    @property
    def hours(self) -> int:
        return (self.to_at - self.from_at) // HOUR


def kept_by_worker(connection: Connection[TupleRow]) -> bool:
    """Whether the rollups are tables, and not continuous aggregates which the server keeps itself."""
    return connection.execute(load("rollups")["rollups_are_tables"]).fetchone() == (True,)


def recompute(connection: Connection[TupleRow], touched: Iterable[Touch], *, hours: int = 20_000) -> int:
    """Compute every touched hour and day anew in the current transaction; returns how many series-hours were looked at.

    ``hours`` bounds one statement (series-hours), whatever the length of a touched range. Raises psycopg.Error.
    """
    sql = load("rollups")
    done = 0
    for chunk in chunks(whole_hours(touched), hours):
        parameters = {
            "series": [period.series for period in chunk],
            "from_at": [period.from_at for period in chunk],
            "to_at": [period.to_at for period in chunk],
            "first": min(period.from_at for period in chunk),
            "last": max(period.to_at for period in chunk),
        }
        connection.execute(sql["roll_hours"], parameters)
        # A day cut by the border of a chunk is done by both; the later one sees all of its hours.
        connection.execute(sql["roll_days"], parameters)
        done += sum(period.hours for period in chunk)
    return done


def whole_hours(touched: Iterable[Touch]) -> Iterator[Period]:
    """What was touched, widened to whole hours and free of overlaps, ordered by series and time."""
    ordered = sorted(touched, key=attrgetter("series", "from_at"))
    for series, touches in groupby(ordered, key=attrgetter("series")):
        current: Period | None = None
        for touch in touches:
            from_at = _hour_of(touch.from_at)
            to_at = _hour_of(touch.to_at) + HOUR
            if current is None:
                current = Period(series, from_at, to_at)
            elif from_at <= current.to_at:
                current = Period(series, current.from_at, max(current.to_at, to_at))
            else:
                yield current
                current = Period(series, from_at, to_at)
        if current is not None:
            yield current


def chunks(periods: Iterable[Period], hours: int) -> Iterator[list[Period]]:
    """Lists of at most ``hours`` series-hours each; a longer period is cut."""
    chunk: list[Period] = []
    room = hours
    for period in periods:
        rest = period
        while rest.hours >= room:
            cut = rest.from_at + room * HOUR
            yield [*chunk, Period(rest.series, rest.from_at, cut)]
            chunk, room = [], hours
            rest = Period(rest.series, cut, rest.to_at)
        if rest.hours:
            chunk.append(rest)
            room -= rest.hours
    if chunk:
        yield chunk


def _hour_of(moment: datetime) -> datetime:
    return moment - (moment - _EPOCH) % HOUR
