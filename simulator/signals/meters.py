"""Water drawn through a meter: litres since the meter was fitted, for public buildings and households.

Each local day has a total (season, weekday, school period, chance) spread over the hours of its use,
and every meter but a tight one has a night minimum that never stops. Now and then a flush valve sticks
for a day or two. The register is the integral, so it never goes back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulator.noise import normal, seed_of, unit
from simulator.signals.calendar import day_start, is_public_holiday, is_school_period, local_day, weekday

_SCHOOL = (0, 0, 0, 0, 0, 0, 0.6, 2, 6, 6, 9, 8, 10, 9, 5, 7, 6, 4, 2, 1, 0.3, 0, 0, 0)
_EVENING = (0.2, 0, 0, 0, 0, 0, 0, 0.5, 2, 3, 3, 3, 2, 3, 4, 4, 4, 6, 9, 11, 11, 7, 2, 0.5)
_OFFICE = (0, 0, 0, 0, 0, 0.4, 1, 3, 7, 8, 7, 7, 8, 6, 7, 7, 6, 4, 1, 0.3, 0.2, 0, 0, 0)
_HOME = (0.4, 0.1, 0, 0, 0.1, 0.8, 5, 9, 6, 3, 2.5, 4, 5, 3, 2, 2, 2.5, 4, 7, 8, 6, 4, 2.5, 1)
_GARDEN = (0, 0, 0, 2, 9, 9, 7, 2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.5, 2, 3, 2, 0)
HOURS = {"school": _SCHOOL, "gym": _EVENING, "office": _OFFICE, "household": _HOME, "garden": _GARDEN, "hall": _EVENING}
_STUCK_VALVES = frozenset({"school", "gym", "office", "hall"})
_MEMORY_DAYS = 64


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter: kind of use, litres on an ordinary day, litres per hour that never stop, register at the start."""

    kind: str
    litres_per_day: float
    night_litres_per_hour: float
    start_volume: float
    fitted: float  # seconds since 1970


class WaterVolume:
    """The register of one meter."""

    def __init__(self, meter: Meter, seed: int) -> None:
        self._meter = meter
        self._draw = seed_of(seed, "draw")
        self._valve = seed_of(seed, "valve")
        self._first = local_day(meter.fitted)
        self._midnights = [meter.start_volume]
        self._days: dict[int, tuple[float, ...]] = {}

    def _factor(self, ordinal: int) -> float:
        kind, day = self._meter.kind, weekday(ordinal)
        idle = is_public_holiday(ordinal)
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
        return (0.95, 0.95, 1.1, 0.95, 1.0, 1.15, 1.1)[day]

    def _hourly(self, ordinal: int) -> tuple[float, ...]:
        """Litres drawn since midnight at each whole hour of a local day (as many as the day has, plus one)."""
        known = self._days.get(ordinal)
        if known is not None:
            return known
        meter = self._meter
        total = meter.litres_per_day * self._factor(ordinal) * math.exp(0.22 * normal(self._draw, ordinal) - 0.024)
        lumpy = 2.2 if meter.kind == "household" else 1.1
        weights = [w * unit(self._draw, ordinal * 32 + h) ** lumpy + 0.15 * w for h, w in enumerate(HOURS[meter.kind])]
        scale = total / sum(weights)
        hours = round((day_start(ordinal + 1) - day_start(ordinal)) / 3600)
        cumulative = [0.0]
        for h in range(hours):
            drawn = weights[min(h, 23)] * scale if h < 24 else 0.0
            cumulative.append(cumulative[-1] + drawn + meter.night_litres_per_hour + self._stuck(ordinal, h))
        if len(self._days) > _MEMORY_DAYS:
            self._days.clear()
        self._days[ordinal] = tuple(cumulative)
        return self._days[ordinal]

    def _stuck(self, ordinal: int, hour: int) -> float:
        """Litres per hour through a valve that does not close, from a working hour on, for one or two days."""
        if self._meter.kind not in _STUCK_VALVES:
            return 0.0
        for back in range(3):
            day = ordinal - back
            if unit(self._valve, day * 4) < 0.012:
                began = 9 + int(8 * unit(self._valve, day * 4 + 1))
                lasts = 14 + int(34 * unit(self._valve, day * 4 + 2))
                if began <= hour + 24 * back < began + lasts:
                    return 35.0 + 60.0 * unit(self._valve, day * 4 + 3)
        return 0.0

    def litres(self, t: float) -> float:
        """Litres on the register at `t` (seconds since 1970, UTC), not before the meter was fitted."""
        ordinal = max(local_day(t), self._first)
        midnights = self._midnights
        while len(midnights) <= ordinal - self._first:
            midnights.append(midnights[-1] + self._hourly(self._first + len(midnights) - 1)[-1])
        hourly = self._hourly(ordinal)
        hours = min(len(hourly) - 1.001, max(0.0, (t - day_start(ordinal)) / 3600.0))
        i = int(hours)
        return midnights[ordinal - self._first] + hourly[i] + (hourly[i + 1] - hourly[i]) * (hours - i)
