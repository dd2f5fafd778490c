"""Periods of civil time, against a walk through the minutes."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.api.readings.calendar import PARIS, Every, TimeError, edges, parse_time, zone

ZONES = [
    "Europe/Paris",
    "UTC",
    "Asia/Kolkata",
    "America/Havana",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
]
BEGIN = datetime(2001, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 34 * 365 * 86_400_000).map(lambda number: BEGIN + timedelta(milliseconds=number))


def name(every: Every, at: datetime, tz: ZoneInfo) -> object:
    """What people call the period `at` lies in; an hour twice in a night has its offset in its name."""
    local = at.astimezone(tz)
    if every is Every.DAY:
        return local.date()
    if every is Every.WEEK:
        return local.isocalendar()[:2]
    return (local.year, local.month)


@settings(max_examples=150, deadline=None)
@given(
    every=st.sampled_from([Every.DAY, Every.WEEK, Every.MONTH]),
    start=INSTANTS,
    length=st.timedeltas(timedelta(seconds=1), timedelta(days=90)),
    key=st.sampled_from(ZONES),
)
def test_days_weeks_and_months_part_where_their_names_change(every, start, length, key) -> None:
    tz, end = ZoneInfo(key), start + length
    found = edges(every, start, end, tz)
    assert found[0] <= start < found[1]
    assert found[-2] < end <= found[-1]
    for begin, stop in pairwise(found):
        last = stop - timedelta(microseconds=1)
        assert name(every, begin, tz) == name(every, last, tz)
        assert name(every, begin, tz) != name(every, stop, tz)
        assert name(every, begin, tz) != name(every, begin - timedelta(microseconds=1), tz)


@settings(max_examples=150, deadline=None)
@given(
    every=st.sampled_from([Every.HOUR, Every.TEN_MINUTES]),
    start=INSTANTS,
    length=st.timedeltas(timedelta(seconds=1), timedelta(days=5)),
    key=st.sampled_from(ZONES),
)
def test_hours_are_real_hours_from_midnight(every, start, length, key) -> None:
    tz, end = ZoneInfo(key), start + length
    step = timedelta(hours=1) if every is Every.HOUR else timedelta(minutes=10)
    found = edges(every, start, end, tz)
    assert found[0] <= start < found[1]
    assert found[-2] < end <= found[-1]
    for begin, stop in pairwise(found):
        assert timedelta(0) < stop - begin <= step
        if stop - begin < step:
            # Only a change of half an hour, as on Lord Howe, cuts the last hour of a day.
            assert stop.astimezone(tz).date() != (stop - timedelta(microseconds=1)).astimezone(tz).date()
    shift = {instant.utcoffset() for instant in (start.astimezone(tz), end.astimezone(tz))}
    if tz.key in ("Europe/Paris", "UTC") and len(shift) == 1:
        assert all(instant.minute % (step / timedelta(minutes=1)) == 0 for instant in found)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 7, 14), 24)])
def test_hours_of_a_day_in_paris(day: date, hours: int) -> None:
    start = datetime(day.year, day.month, day.day, tzinfo=PARIS)
    end = datetime(day.year, day.month, day.day, 23, 59, tzinfo=PARIS)
    assert len(edges(Every.HOUR, start.astimezone(UTC), end.astimezone(UTC), PARIS)) - 1 == hours
    assert len(edges(Every.TEN_MINUTES, start.astimezone(UTC), end.astimezone(UTC), PARIS)) - 1 == hours * 6


def test_a_day_that_was_left_out() -> None:
    """Apia went from 29 to 31 December 2011."""
    apia = ZoneInfo("Pacific/Apia")
    start = datetime(2011, 12, 28, tzinfo=apia)
    end = datetime(2012, 1, 2, tzinfo=apia)
    days = [edge.astimezone(apia).date().day for edge in edges(Every.DAY, start, end, apia)]
    assert days == [28, 29, 31, 1, 2]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-29", datetime(2026, 3, 28, 23, tzinfo=UTC)),
        ("2026-03-29T08:00", datetime(2026, 3, 29, 6, tzinfo=UTC)),
        ("2026-03-29T08:00:00Z", datetime(2026, 3, 29, 8, tzinfo=UTC)),
        ("2026-03-29T08:00:00.5+05:30", datetime(2026, 3, 29, 2, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-03-29T08:00:00 02:00", datetime(2026, 3, 29, 6, tzinfo=UTC)),
    ],
)
def test_times_are_understood(text: str, instant: datetime) -> None:
    assert parse_time(text, PARIS) == instant


@pytest.mark.parametrize("text", ["", "today", "29/03/2026", "2026-13-01", "0001-01-01", "9999-12-31T23:59:59-12:00"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(TimeError):
        parse_time(text, PARIS)


@given(text=st.text(max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    with suppress(TimeError):
        assert parse_time(text, PARIS).tzinfo is UTC


@pytest.mark.parametrize("key", ["", "Europe", "../etc/passwd", "Europe/Atlantis", "/etc/passwd", "\0"])
def test_zones_that_are_none(key: str) -> None:
    with pytest.raises(TimeError):
        zone(key)
