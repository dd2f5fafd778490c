"""French civil time: local hours, public holidays, school days of zone A (académie de Lyon).

School holidays follow the pattern of the official calendars of 2025-2026 and 2026-2027: the windows
start on the first Saturday on or after a fixed date, which gives both years exactly.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
SATURDAY = 5
_FIXED_HOLIDAYS = {(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)}
# First possible Saturday (month, day) of All Saints, Christmas, winter and spring holidays; each lasts 16 days.
_SCHOOL_WINDOWS = ((10, 17), (12, 19), (2, 7), (4, 4))
_SCHOOL_WINDOW_DAYS = 16


@lru_cache(maxsize=4096)
def day_start(ordinal: int) -> float:
    """Seconds since 1970 of local midnight of a day given as `date.toordinal()`."""
    day = date.fromordinal(ordinal)
    return datetime(day.year, day.month, day.day, tzinfo=PARIS).timestamp()


def local_day(t: float) -> int:
    """The local day `t` falls in, as `date.toordinal()`."""
    guess = 719163 + int(t // 86400)  # 719163 is 1970-01-01
    if t < day_start(guess):
        return guess - 1
    return guess + 1 if t >= day_start(guess + 1) else guess


def local_hour(t: float) -> float:
    """Hours since local midnight (0 to 25 on the day the clocks go back)."""
    return (t - day_start(local_day(t))) / 3600.0


def weekday(ordinal: int) -> int:
    """0 is Monday."""
    return (ordinal + 6) % 7


@lru_cache(maxsize=64)
def _easter(year: int) -> date:
    """Easter Sunday by the algorithm of Meeus, Jones and Butcher (1876)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = b // 4, b % 4
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = c // 4, c % 4
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=4096)
def is_public_holiday(ordinal: int) -> bool:
    """One of the eleven French public holidays."""
    day = date.fromordinal(ordinal)
    if (day.month, day.day) in _FIXED_HOLIDAYS:
        return True
    return (day - _easter(day.year)).days in {1, 39, 50}


@lru_cache(maxsize=4096)
def is_school_period(ordinal: int) -> bool:
    """Outside the school holidays (weekends and Wednesdays inside the period included)."""
    day = date.fromordinal(ordinal)
    if (day.month, day.day) >= (7, 4) and day.month < 9:
        return False
    for month, first in _SCHOOL_WINDOWS:
        for year in (day.year - 1, day.year):
            start = date(year, month, first)
            start += timedelta(days=(SATURDAY - start.weekday()) % 7)
            if start <= day < start + timedelta(days=_SCHOOL_WINDOW_DAYS):
                return False
    return True
