"""Periods of civil time: what a day, a week or an hour is where people live.

A day of a change of clocks has 23 or 25 hours; its hours and ten-minute periods are counted from its midnight, so they
are real hours, and every period begins at a civil midnight or a whole number of steps after it.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

FIRST = date(2000, 1, 1)
LAST = date(2100, 1, 1)
"""Times outside are a mistake; between them no zone does anything the arithmetic below cannot bear."""

PARIS = ZoneInfo("Europe/Paris")


class Every(StrEnum):
    """Length of a period; RAW: no periods, every value."""

    RAW = "raw"
    TEN_MINUTES = "10m"
    HOUR = "1h"
    DAY = "1d"
    WEEK = "1w"
    MONTH = "1mo"


_STEPS = {Every.TEN_MINUTES: timedelta(minutes=10), Every.HOUR: timedelta(hours=1)}


class TimeError(ValueError):
    """A time cannot be understood; the message says how times are written."""


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def zone(name: str) -> ZoneInfo:
    """The IANA time zone of that name. Raises TimeError."""
    if name not in _zone_names():
        raise TimeError(f"{name!r} is no time zone of the IANA database; Europe/Paris and UTC are")
    return ZoneInfo(name)


def parse_time(text: str, tz: ZoneInfo) -> datetime:
    """An instant from RFC 3339 (`2026-03-29T00:00:00Z`), or civil time in `tz` (`2026-03-29`, `2026-03-29T08:00`).

    A `+` that arrived as a space, as unescaped query strings have it, is read as `+`. Raises TimeError.
    """
    mended = re.sub(r" (\d\d:?\d\d)$", r"+\1", text) if "T" in text else text
    try:
        found = datetime.fromisoformat(mended)
    except ValueError:
        raise TimeError(f"{text!r} is no time: write 2026-03-29, 2026-03-29T08:00 or 2026-03-29T08:00:00Z") from None
    if not FIRST <= found.date() < LAST:
        raise TimeError(f"{text!r} lies outside {FIRST.year} to {LAST.year - 1}")
    return (found if found.tzinfo is not None else found.replace(tzinfo=tz)).astimezone(UTC)


def edges(every: Every, start: datetime, end: datetime, tz: tzinfo) -> list[datetime]:
    """Begins of the periods that cover [start, end), and the end of the last one: ascending instants in UTC.

    `start` < `end`; `every` is not RAW.
    """
    begins = list(_begins(every, start, end, tz))
    first = bisect_right(begins, start) - 1
    last = bisect_right(begins, end - timedelta(microseconds=1))
    return begins[first : last + 1]


def _begins(every: Every, start: datetime, end: datetime, tz: tzinfo) -> Iterator[datetime]:
    """Begins from before `start` until after `end`, strictly ascending."""
    previous: datetime | None = None
    for day in _days(every, start, end, tz):
        for begin in _begins_of(day, _STEPS.get(every), tz):
            # A day that a zone left out (Apia, 30 December 2011) begins when the next one does.
            if previous is None or begin > previous:
                yield begin
                previous = begin


def _begins_of(day: date, step: timedelta | None, tz: tzinfo) -> Iterator[datetime]:
    begin = _midnight(day, tz)
    if step is None:
        yield begin
        return
    end = _midnight(day + timedelta(days=1), tz)
    while begin < end:
        yield begin
        begin += step


def _days(every: Every, start: datetime, end: datetime, tz: tzinfo) -> Iterator[date]:
    """The civil days on which periods begin, from before `start` until after `end`."""
    day, last = start.astimezone(tz).date(), end.astimezone(tz).date()
    if every is Every.WEEK:
        day -= timedelta(days=day.weekday())  # ISO 8601: weeks begin on Monday
    elif every is Every.MONTH:
        day = day.replace(day=1)
    while True:
        yield day
        if day > last:
            return
        day = _next_day(every, day)


def _next_day(every: Every, day: date) -> date:
    if every is Every.WEEK:
        return day + timedelta(days=7)
    if every is Every.MONTH:
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return day + timedelta(days=1)


def _midnight(day: date, tz: tzinfo) -> datetime:
    """The instant a civil day begins; where clocks skip midnight, the first instant after it."""
    return datetime.combine(day, time(), tz).astimezone(UTC)


def on_whole_hours(instants: list[datetime]) -> bool:
    """Whether hour rollups, which begin on whole hours of UTC, fit between these edges."""
    return all(not (instant.minute or instant.second or instant.microsecond) for instant in instants)


def on_paris_midnights(instants: list[datetime]) -> bool:
    """Whether day rollups, which begin at midnight in Europe/Paris, fit between these edges."""
    return all(_midnight(instant.astimezone(PARIS).date(), PARIS) == instant for instant in instants)
