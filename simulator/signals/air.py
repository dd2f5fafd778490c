"""Air of a street: traffic by hour and weekday, wood fires, and a sky that mixes them away or holds them down.

Emissions: traffic with two peaks on working days, one late bump on Saturday, little on Sunday and in August; wood
smoke on cold evenings. Concentration is emission over ventilation, which grows with wind and sun and falls in an
inversion (calm, clear, cold nights and winter days). NO2 is made from traffic's NO and limited by sun; PM2.5 adds a
regional background of several days; PM10 adds dust that wheels raise from a dry road. Rain washes particles out.

Sources: annual means of the Loire in 2005 (answer to question 100267, Assemblée nationale): NO2 23 to 34 ug/m3 in towns
and above 40 beside the A47, PM10 14 to 19 and 22 near traffic; air has become cleaner since, so a street with traffic
has some 25, 16 and 9 (PM2.5) here, a park half the NO2. Not checked: 2022's means of Atmo Auvergne-Rhône-Alpes, and
that a Sunday has a quarter to a half less NO2 (here a quarter). The box model is that of any textbook.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from simulator.noise import Smooth, seed_of, unit
from simulator.signals.calendar import day_start, is_public_holiday, is_school_period, local_day, weekday
from simulator.signals.weather import Weather

_WORKDAY = (
    *(0.12, 0.07, 0.05, 0.05, 0.1, 0.3, 0.75, 1.5, 1.85, 1.25, 1.0, 1.05),
    *(1.2, 1.1, 1.05, 1.15, 1.5, 1.95, 1.85, 1.2, 0.75, 0.5, 0.35, 0.22),
)
_SATURDAY = (
    *(0.3, 0.2, 0.13, 0.1, 0.1, 0.15, 0.3, 0.5, 0.75, 1.05, 1.3, 1.35),
    *(1.1, 1.0, 1.1, 1.2, 1.25, 1.25, 1.15, 0.95, 0.7, 0.55, 0.45, 0.4),
)
_SUNDAY = (
    *(0.35, 0.25, 0.15, 0.1, 0.08, 0.1, 0.15, 0.25, 0.4, 0.6, 0.8, 0.85),
    *(0.7, 0.55, 0.65, 0.75, 0.85, 0.95, 0.95, 0.75, 0.5, 0.35, 0.25, 0.18),
)
_FIRES = (
    0.5,
    0.3,
    0.2,
    0.15,
    0.12,
    0.15,
    0.3,
    0.5,
    0.5,
    0.4,
    0.35,
    0.35,
    0.4,
    0.4,
    0.35,
    0.35,
    0.5,
    0.9,
    1.4,
    1.8,
    2,
    1.8,
    1.4,
    0.9,
)


class Street(NamedTuple):
    """Mass concentrations in ug/m3."""

    pm2_5: float
    pm10: float
    no2: float


def traffic(t: float) -> float:
    """Vehicles of the hour, 1 on the mean of a working day."""
    ordinal = local_day(t)
    day = weekday(ordinal)
    hours = _SUNDAY if day == 6 or is_public_holiday(ordinal) else _SATURDAY if day == 5 else _WORKDAY
    hour = min(23.999, (t - day_start(ordinal)) / 3600.0)
    h = int(hour)
    level = hours[h] + (hours[(h + 1) % 24] - hours[h]) * (hour - h)
    return level * (1.0 if is_school_period(ordinal) else 0.82)


class OpenAir:
    """Ventilation and background of a territory, the same for all its streets."""

    def __init__(self, weather: Weather, seed: int) -> None:
        self._weather = weather
        self._background = Smooth(seed_of(seed, "background particles"), 2.2 * 86400)
        self._hours: dict[int, tuple[float, float, float]] = {}

    def stagnation(self, t: float) -> float:
        """How much an emission weighs: about 0.4 in wind and sun, 3 in an inversion."""
        outside = self._weather.at(t)
        mixing = 0.22 + 0.2 * outside.wind + 1.1 * min(1.0, outside.irradiance / 500.0)
        cooling = (1.0 - outside.cloud) * (1.0 if outside.irradiance <= 0.0 else 0.35)
        cold = min(1.0, max(0.0, (10.0 - outside.mean_temperature) / 12.0))
        calm = math.exp(-outside.wind / 1.6)
        return (1.0 + 1.5 * calm * cooling + 0.9 * calm * cold) / (0.45 + mixing)

    def _hour(self, k: int) -> tuple[float, float, float]:
        """Stagnation, PM2.5 of the background with wood smoke, and wetness of the road at a whole hour."""
        known = self._hours.get(k)
        if known is None:
            if len(self._hours) > 2048:
                self._hours.clear()
            t, weather = k * 3600.0, self._weather
            outside, held = weather.hour(k), self.stagnation(k * 3600.0)
            local = min(23, int((t - day_start(local_day(t))) / 3600.0))
            fires = _FIRES[local] * max(0.0, 13.0 - outside.mean_temperature) / 12.0
            fallen = sum(weather.rain(k - back) * 0.7**back for back in range(6))
            washed = 0.45 + 0.55 * math.exp(-fallen / 2.5)
            regional = (
                5.6 * math.exp(0.5 * self._background(t)) * (1.0 + 0.05 * max(0.0, 9.0 - outside.mean_temperature))
            )
            known = self._hours[k] = (held, (regional + 3.8 * fires * held) * washed, 1.0 - math.exp(-fallen))
        return known

    def state(self, t: float) -> tuple[float, float, float]:
        """As `_hour`, linear in between."""
        k = int(t // 3600)
        left, right = self._hour(k), self._hour(k + 1)
        f = t / 3600.0 - k
        return (
            left[0] + (right[0] - left[0]) * f,
            left[1] + (right[1] - left[1]) * f,
            left[2] + (right[2] - left[2]) * f,
        )

    def at(self, t: float) -> float:
        """PM2.5 away from traffic, ug/m3."""
        return max(1.0, self.state(t)[1])


class StreetAir:
    """The air at one place; `traffic` 0 (park) to 2 (boulevard)."""

    __slots__ = ("_air", "_gusts", "_seed", "_traffic", "_weather")

    def __init__(self, traffic_share: float, air: OpenAir, weather: Weather, seed: int) -> None:
        self._traffic = traffic_share
        self._air = air
        self._weather = weather
        self._seed = seed_of(seed, "street")
        self._gusts = Smooth(seed_of(seed, "gusts"), 2700.0)

    def at(self, t: float) -> Street:
        """Concentrations at `t` (seconds since 1970, UTC)."""
        held, background, wet = self._air.state(t)
        gust = math.exp(0.1 * self._gusts(t))
        cars = self._traffic * traffic(t) * (0.9 + 0.2 * unit(self._seed, int(t // 900)))
        sun = self._weather.irradiance(t)
        no2 = 6.0 + 3.2 * held + 30.0 * cars * held * gust / (1.0 + sun / 1400.0)
        no2 = no2 if no2 < 90.0 else 90.0 + 60.0 * (1.0 - math.exp(-(no2 - 90.0) / 60.0))
        fine = background * gust + 2.2 * cars * held * gust
        coarse = 3.8 + 3.2 * cars * (1.0 - 0.85 * wet) * gust
        return Street(max(0.8, fine), max(1.5, 1.12 * fine + coarse), no2)
