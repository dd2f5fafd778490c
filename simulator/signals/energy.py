"""Electricity drawn by a home, a public building or a street lighting cabinet: the index of the meter and its slope.

An index is the sum of what follows the clock (`kwh_per_day`, spread over the hours of use; homes peak at 19 to 20, and
many heat their water at night, `hot_water.py`) and of what follows the cold: so many kWh for each degree-day below
17 Cel, the day's mean smoothed over two days by the building. Street lights burn from dusk to dawn, half of them off
from 23 to 5.

Sources: degree-days to the base of 17 are those of the state's statistics (SDES; observatoire-des-territoires.gouv.fr),
those of COSTIC have 18; a home with 19 needs little below. The evening peak about 19 is RTE's and Enedis' (La Tribune,
October 2022). Hours of lighting follow from the sun at the latitude. Hourly weights are assumed.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from functools import cache

from simulator.noise import seed_of
from simulator.signals.calendar import day_start, is_public_holiday, is_school_period, local_day, weekday
from simulator.signals.flow import Calendar, Flow, Hours
from simulator.signals.hot_water import HotWater, has_tank
from simulator.signals.weather import Weather

_FIRST_DAY = 735_599
_HOME = (2.4, 2, 1.8, 1.7, 1.7, 2, 3, 4.4, 4, 3.4, 3.2, 3.6, 4.6, 4, 3.2, 2.9, 3, 3.8, 5.4, 6.6, 6.2, 5, 3.9, 3)
_SCHOOL = (1, 1, 1, 1, 1, 1.2, 2.5, 6, 8, 8.5, 8.5, 8, 7, 7.5, 8, 8, 6, 4, 2.5, 1.5, 1, 1, 1, 1)
_OFFICE = (1, 1, 1, 1, 1, 1, 1.6, 4, 7.5, 8.5, 8.5, 8, 6, 7.5, 8.5, 8.5, 8, 5, 2.5, 1.5, 1, 1, 1, 1)
_GYM = (1, 1, 1, 1, 1, 1, 1, 2, 3.5, 4, 4, 3, 2.5, 3, 4, 4, 4.5, 6, 8, 8.5, 8, 5, 1.5, 1)
_HEATING = {
    "home": (
        3.8,
        3.6,
        3.6,
        3.7,
        3.9,
        4.6,
        5.2,
        5.2,
        4.7,
        4.2,
        3.9,
        3.7,
        3.6,
        3.4,
        3.3,
        3.4,
        3.8,
        4.5,
        5,
        5.2,
        5,
        4.8,
        4.3,
        4,
    ),
    "school": (2, 2, 2, 2, 5, 8, 8.5, 8, 6.5, 5.5, 5, 4.5, 4, 4, 3.8, 3.5, 3, 2.2, 2, 2, 2, 2, 2, 2),
    "office": (2, 2, 2, 2, 4, 7, 8, 8, 6.5, 5.5, 5, 4.6, 4.2, 4, 4, 4, 4, 3, 2, 2, 2, 2, 2, 2),
    "gym": (2, 2, 2, 2, 2, 3, 5, 6, 6, 5, 4.6, 4.2, 4, 4, 4, 4, 4.5, 5, 5.4, 5.4, 5, 3, 2, 2),
}
HOURS = {"home": _HOME, "school": _SCHOOL, "office": _OFFICE, "gym": _GYM}
KINDS = (*HOURS, "lighting")
_BASE = 17.0
_HOT_WATER = 0.35  # of what a home with a tank draws beside its heating
_LATITUDE = math.radians(45.5)
_SLOT = 600.0


@dataclass(frozen=True, slots=True)
class Supply:
    """A supply: kind, kWh on an ordinary day, kWh per degree-day, index in kWh when fitted."""

    kind: str
    kwh_per_day: float
    kwh_per_degree_day: float
    start_index: float
    fitted: float  # seconds since 1970


def day_factor(kind: str, ordinal: int) -> float:
    """How this local day compares with an ordinary one, heating apart."""
    day, idle = weekday(ordinal), is_public_holiday(ordinal)
    winter = math.cos(2 * math.pi * (ordinal % 365.25 - 15) / 365.25)
    if kind == "home":
        return (1.0 + 0.12 * winter) * (1.1 if idle or day >= 5 else 1.05 if day == 2 else 0.96)
    if kind == "school":
        return 0.3 if idle or day >= 5 or not is_school_period(ordinal) else 0.6 if day == 2 else 1.0
    if kind == "office":
        return 0.3 if idle or day >= 5 else 1.0
    if kind == "gym":
        return (1.0 + 0.2 * winter) * (0.35 if idle else (0.9, 1.0, 1.2, 1.0, 0.95, 1.2, 0.7)[day])
    return sum(lighting_hours(ordinal)) / 8.7


def lighting_hours(ordinal: int) -> Hours:
    """Lamps burning in each local hour, 1 when all do; half are off from 23 to 5."""
    declination = math.radians(23.45) * math.sin(2 * math.pi * (ordinal % 365.25 - 80) / 365.25)
    # Lamps switch at civil dusk, about 4 degrees of the sun below the horizon.
    cosine = (math.sin(math.radians(-4)) - math.sin(_LATITUDE) * math.sin(declination)) / (
        math.cos(_LATITUDE) * math.cos(declination)
    )
    half_day = math.degrees(math.acos(max(-1.0, min(1.0, cosine)))) / 15.0
    noon = 12.72 + (1.0 if (day_start(ordinal) % 86400.0) == 79200.0 else 0.0)
    dawn, dusk = noon - half_day, noon + half_day

    def dark(h: int) -> float:
        share = min(1.0, max(0.0, dawn - h)) + min(1.0, max(0.0, h + 1 - dusk))
        return share * (0.5 if h >= 23 or h < 5 else 1.0)

    return tuple(map(dark, range(24)))


@cache
def calendar(kind: str) -> Calendar:
    """The days and hours of a kind of supply."""
    return Calendar(lambda ordinal: day_factor(kind, ordinal), lighting_hours if kind == "lighting" else HOURS[kind])


def is_idle(kind: str, ordinal: int) -> bool:
    """Whether a building of that kind is empty on a local day and its heating turned down."""
    if kind not in {"school", "office"}:
        return False
    off = kind == "school" and not is_school_period(ordinal)
    return off or weekday(ordinal) >= 5 or is_public_holiday(ordinal)


class DegreeDays:
    """Degree-days below 17 Cel of a weather and their sums since 2015, as the heating of a kind of building follows."""

    def __init__(self, weather: Weather) -> None:
        self._weather = weather
        self._days = array("d")
        self._sums: dict[str, array[float]] = {}
        self._before = 0.0

    def _mean(self, n: int) -> float:
        k = round(day_start(_FIRST_DAY + n) / 3600.0)
        return sum(self._weather.hour(k + h).temperature for h in (3, 9, 15, 21)) / 4

    def _day(self, n: int) -> float:
        days = self._days
        while len(days) <= n:
            today = self._mean(len(days))
            felt = 0.65 * today + 0.35 * (self._before if len(days) else today)
            self._before = today
            days.append(max(0.0, _BASE - felt))
        return days[n]

    def before(self, kind: str, ordinal: int) -> float:
        """What has passed at this day's midnight; idle days count little more than half."""
        sums, n = self._sums.setdefault(kind, array("d", [0.0])), max(0, ordinal - _FIRST_DAY)
        while len(sums) <= n:
            last = len(sums) - 1
            sums.append(sums[-1] + self._day(last) * (0.55 if is_idle(kind, _FIRST_DAY + last) else 1.0))
        return sums[n]


@cache
def _heating(kind: str) -> tuple[float, ...]:
    weights = _HEATING[kind]
    total = sum(weights)
    sums = [0.0]
    for weight in weights:
        sums.append(sums[-1] + weight / total)
    return (*sums, 1.0)


class Electricity:
    """The index of one supply."""

    __slots__ = ("_by_clock", "_days", "_flow", "_start", "_supply", "_tank")

    def __init__(self, supply: Supply, days: DegreeDays, seed: int) -> None:
        self._supply = supply
        self._days = days
        lumps = 0.05 if supply.kind == "lighting" else 0.55
        chance = 0.02 if supply.kind == "lighting" else 0.25
        self._flow = Flow(calendar(supply.kind), seed_of(seed, "electricity"), chance, lumps)
        tank = supply.kind == "home" and has_tank(seed)
        self._tank = HotWater(_HOT_WATER * supply.kwh_per_day, seed) if tank else None
        self._by_clock = supply.kwh_per_day * (1.0 - _HOT_WATER if tank else 1.0)
        self._start = self._drawn(supply.fitted)

    def _drawn(self, t: float) -> float:
        supply = self._supply
        kwh = self._by_clock * self._flow.at(t)
        if self._tank is not None:
            kwh += self._tank.kwh(t)
        if supply.kwh_per_degree_day:
            ordinal = local_day(t)
            hours = (t - day_start(ordinal)) / 3600.0
            shape = _heating("home" if is_idle(supply.kind, ordinal) else supply.kind)
            h = min(int(hours), 24)
            share = shape[h] + (shape[min(25, h + 1)] - shape[h]) * min(1.0, hours - h)
            days = self._days
            today = days.before(supply.kind, ordinal)
            kwh += supply.kwh_per_degree_day * (today + share * (days.before(supply.kind, ordinal + 1) - today))
        return kwh

    def index(self, t: float) -> float:
        """kWh on the meter at `t` (seconds since 1970, UTC)."""
        return self._supply.start_index + max(0.0, self._drawn(t) - self._start)

    def power(self, t: float) -> float:
        """Mean W of the ten minutes (of the clock) that `t` lies in."""
        begin = t - t % _SLOT
        return (self._drawn(begin + _SLOT) - self._drawn(begin)) * 3_600_000.0 / _SLOT
