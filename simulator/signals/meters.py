"""Water drawn through a meter: litres since it was fitted, for public buildings, households and parts of the network.

A day's total follows weekday, school period and season (for a garden and a network), is spread over the hours of use
and comes in draws of its own every hour. Beside it runs what never stops (`night_litres_per_hour`: a network's
background losses and night users) and what leaks (`leaks.py`). The register is their sum, so it never goes back.

Hours of households: two peaks, morning and evening, next to nothing at 2 to 4; the weights are assumed. Night flow of
networks: those who look for leaks take the flow between 2 and 4 o'clock for losses (in BW, inbw.be).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from simulator.noise import seed_of
from simulator.signals.calendar import day_start, is_public_holiday, is_school_period, local_day, weekday
from simulator.signals.flow import Calendar, Flow
from simulator.signals.leaks import MONTH, Leaks
from simulator.signals.weather import Weather

_SCHOOL = (0, 0, 0, 0, 0, 0, 0.6, 2, 6, 6, 9, 8, 10, 9, 5, 7, 6, 4, 2, 1, 0.3, 0, 0, 0)
_EVENING = (0.2, 0, 0, 0, 0, 0, 0, 0.5, 2, 3, 3, 3, 2, 3, 4, 4, 4, 6, 9, 11, 11, 7, 2, 0.5)
_OFFICE = (0, 0, 0, 0, 0, 0.4, 1, 3, 7, 8, 7, 7, 8, 6, 7, 7, 6, 4, 1, 0.3, 0.2, 0, 0, 0)
_HOME = (0.5, 0.1, 0, 0, 0, 0.9, 5, 8.5, 6.5, 4, 3, 4, 5, 3.5, 2.5, 2, 2.5, 4, 7, 8, 6.5, 4.5, 3, 1.3)
_GARDEN = (0, 0, 0, 2, 9, 9, 7, 2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.5, 2, 3, 2, 0)
_NETWORK = (
    1.6,
    1,
    0.7,
    0.6,
    0.8,
    1.8,
    4.5,
    6.8,
    6.4,
    5.4,
    5,
    5.2,
    5.6,
    5,
    4.4,
    4.2,
    4.4,
    5,
    6.2,
    6.8,
    6.2,
    5,
    3.8,
    2.6,
)
HOURS = {
    "school": _SCHOOL,
    "gym": _EVENING,
    "office": _OFFICE,
    "household": _HOME,
    "garden": _GARDEN,
    "hall": _EVENING,
    "network": _NETWORK,
}
_LUMPS = {"household": 0.95, "network": 0.1, "garden": 0.5}
_CHANCE = {"network": 0.05}


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter: kind of use, litres on an ordinary day, litres per hour that never stop, register at the start."""

    kind: str
    litres_per_day: float
    night_litres_per_hour: float
    start_volume: float
    fitted: float  # seconds since 1970


def day_factor(kind: str, ordinal: int) -> float:
    """How much of an ordinary day's water this local day takes."""
    day, idle = weekday(ordinal), is_public_holiday(ordinal)
    if kind == "school":
        if not is_school_period(ordinal):
            return 0.06
        return 0.05 if idle or day >= 5 else 0.25 if day == 2 else 1.0
    if kind == "office":
        return 0.04 if idle or day >= 5 else 1.0
    if kind == "gym":
        return 0.3 if idle else (0.8, 0.9, 1.3, 0.9, 0.8, 1.4, 0.7)[day]
    if kind == "hall":
        return (0.15, 0.3, 0.2, 0.3, 0.6, 2.6, 1.5)[day]
    if kind == "garden":
        season = math.sin(math.pi * (ordinal % 365.25 - 60) / 200)
        return max(0.0, season) if day in {0, 2, 4} else 0.03
    week = (0.95, 0.95, 1.1, 0.95, 1.0, 1.15, 1.1)[day]
    if kind == "network":
        return week * (1.0 + 0.12 * math.cos(2 * math.pi * (ordinal % 365.25 - 200) / 365.25))
    return week


@cache
def calendar(kind: str) -> Calendar:
    """The days of a kind of use; a table of the civil calendar, so one serves all scenarios."""
    return Calendar(lambda ordinal: day_factor(kind, ordinal), HOURS[kind])


class Frost:
    """The coldest night of each month (30 days since 1970) of one weather, and the thaw after it."""

    def __init__(self, weather: Weather) -> None:
        self._weather = weather
        self._months: dict[int, tuple[float, float]] = {}

    def __call__(self, month: int) -> tuple[float, float]:
        """Lowest temperature (Cel) at 6 UTC and ten o'clock of that day (seconds since 1970)."""
        known = self._months.get(month)
        if known is None:
            nights = (month * MONTH + day * 86400.0 + 6 * 3600.0 for day in range(30))
            lowest, at = min((self._weather.hour(int(t // 3600)).temperature, t) for t in nights)
            known = self._months[month] = (lowest, at + 4 * 3600.0)
        return known


class WaterVolume:
    """The register of one meter."""

    __slots__ = ("_flow", "_leaks", "_meter", "_start")

    def __init__(self, meter: Meter, seed: int, frost: Frost) -> None:
        self._meter = meter
        self._flow = Flow(
            calendar(meter.kind), seed_of(seed, "draw"), _CHANCE.get(meter.kind, 0.35), _LUMPS.get(meter.kind, 0.75)
        )
        self._leaks = Leaks(meter.kind, seed_of(seed, "leaks"), meter.fitted, frost)
        self._start = self._flow.at(meter.fitted)

    def litres(self, t: float) -> float:
        """Litres on the register at `t` (seconds since 1970, UTC); as fitted before it was."""
        meter = self._meter
        if t <= meter.fitted:
            return meter.start_volume
        drawn = meter.litres_per_day * (self._flow.at(t) - self._start)
        running = meter.night_litres_per_hour * (t - meter.fitted) / 3600.0
        return meter.start_volume + drawn + running + self._leaks.litres(t)

    def at_hours(self, first: int, count: int) -> list[float]:
        """The register at `count` whole hours from `first` on (seconds since 1970, a whole hour)."""
        meter, flow, leaks = self._meter, self._flow, self._leaks
        last = first + 3600 * (count - 1)
        quiet = leaks.litres(first)
        leaking = leaks.litres(last) != quiet
        fixed = meter.start_volume - meter.litres_per_day * self._start
        registers: list[float] = []
        ordinal = local_day(first)
        day, h, before = flow.day(ordinal), round((first - day_start(ordinal)) / 3600.0), flow.before(ordinal)
        for t in range(first, last + 1, 3600):
            if h >= len(day) - 1:
                ordinal, h = ordinal + 1, 0
                day, before = flow.day(ordinal), flow.before(ordinal)
            if t <= meter.fitted:
                registers.append(meter.start_volume)
            else:
                running = meter.night_litres_per_hour * (t - meter.fitted) / 3600.0
                lost = leaks.litres(t) if leaking else quiet
                registers.append(fixed + meter.litres_per_day * (before + day[h]) + running + lost)
            h += 1
        return registers

    def leak_starts(self, first: float, last: float) -> list[float]:
        """When leaks begin between two moments; for plots and tests."""
        months = range(int(first // MONTH), int(last // MONTH) + 1)
        events = (self._leaks.event(month) for month in months)
        return [event.start for event in events if event is not None and first <= event.start <= last]
