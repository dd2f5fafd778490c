"""Fill of a voluntary drop-off container: deposits by weekday and hour, collection rounds, an uneven surface.

Deposits of a day are the mean rate times a weekday factor and log-normal chance, spread over the hours
people come; a round empties the container on its weekday every so many weeks at about its hour, and now
and then does not come. Nothing is remembered: the fill is the sum of the days since the last round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from simulator.noise import Smooth, mix, normal, seed_of, unit
from simulator.signals.calendar import day_start, local_day, weekday
from simulator.signals.weather import Weather

_HOURS = (0.1, 0, 0, 0, 0, 0, 0.3, 1, 2.4, 3, 4, 4.6, 3, 2.2, 3, 4, 4.4, 5, 4.6, 3, 2, 1.2, 0.7, 0.3)
WEEKDAY_FACTORS = {
    "glass": (1.15, 0.7, 0.8, 0.75, 0.9, 1.4, 1.3),
    "paper": (0.9, 0.85, 1.1, 0.9, 0.95, 1.35, 0.95),
    "packaging": (1.1, 0.9, 1.0, 0.9, 1.0, 1.2, 0.9),
    "household": (1.1, 1.0, 1.0, 1.0, 1.05, 1.0, 0.85),
    "textile": (0.9, 0.8, 1.1, 0.8, 0.9, 1.6, 0.9),
}
_LONGEST = 8  # rounds looked back at


@dataclass(frozen=True, slots=True)
class Container:
    """A container: what it takes, days to fill it, height (mm) from sensor to floor and when full, its round."""

    kind: str
    days_to_fill: float
    depth: float
    full_at: float
    round_weekday: int
    round_hour: float
    round_weeks: int


class Content(NamedTuple):
    """What a perfect instrument under the lid would show."""

    distance: float  # mm from the sensor to the surface
    tilted: bool
    temperature: float  # Cel, under the lid


class BinFill:
    """The content of one container."""

    def __init__(self, container: Container, weather: Weather, seed: int) -> None:
        self._container = container
        self._weather = weather
        self._seed = seed
        self._deposits = seed_of(seed, "deposits")
        self._rounds = seed_of(seed, "rounds")
        self._relief = seed_of(seed, "relief")
        self._lid = Smooth(seed_of(seed, "lid"), 1200)
        self._days: dict[int, tuple[float, ...]] = {}

    def _day(self, ordinal: int) -> tuple[float, ...]:
        """Cumulative deposits at each hour of a local day, as a share of the container (25 values)."""
        known = self._days.get(ordinal)
        if known is not None:
            return known
        mean = 1.0 / self._container.days_to_fill
        factor = WEEKDAY_FACTORS[self._container.kind][weekday(ordinal)]
        total = mean * factor * math.exp(0.35 * normal(self._deposits, ordinal) - 0.06)
        weights = [w * (0.25 + 1.5 * unit(self._deposits, ordinal * 32 + h)) for h, w in enumerate(_HOURS)]
        scale = total / sum(weights)
        cumulative = [0.0]
        for weight in weights:
            cumulative.append(cumulative[-1] + weight * scale)
        if len(self._days) > 120:
            self._days.clear()
        self._days[ordinal] = tuple(cumulative)
        return self._days[ordinal]

    def _until(self, t: float) -> tuple[int, float]:
        """Local day of `t` and what was put in since its midnight."""
        ordinal = local_day(t)
        hours = min(23.999, (t - day_start(ordinal)) / 3600.0)
        day = self._day(ordinal)
        i = int(hours)
        return ordinal, day[i] + (day[i + 1] - day[i]) * (hours - i)

    def _round(self, number: int) -> float:
        """When the round of that number came, or -inf when it did not."""
        if unit(self._rounds, number * 2) < 0.05:
            return -math.inf
        container = self._container
        ordinal = 719163 + 7 * container.round_weeks * number + (container.round_weekday - weekday(719163)) % 7
        ordinal += 7 * (mix(self._rounds, -1) % container.round_weeks)
        late = 0.55 * normal(self._rounds, number * 2 + 1)
        return day_start(ordinal) + (container.round_hour + late) * 3600.0

    def last_round(self, t: float) -> float:
        """The last collection at or before `t`."""
        number = (local_day(t) - 719163) // (7 * self._container.round_weeks) + 1
        for back in range(_LONGEST):
            came = self._round(number - back)
            if -math.inf < came <= t:
                return came
        return t - 7 * 86400.0 * self._container.round_weeks

    def fill(self, t: float) -> float:
        """Share of the container that is full: 0 to 1.06 (people go on pushing)."""
        emptied = self.last_round(t)
        first, before = self._until(emptied)
        last, today = self._until(t)
        level = 0.02 + 0.02 * unit(self._relief, int(emptied)) - before + today
        for ordinal in range(first, last):
            level += self._day(ordinal)[24]
        return level if level < 0.95 else 0.95 + 0.11 * (1 - math.exp(-(level - 0.95) / 0.11))

    def at(self, t: float) -> Content:
        """The content at `t` (seconds since 1970, UTC)."""
        container = self._container
        level = self.fill(t)
        slope = container.depth - container.full_at
        relief = 14.0 * normal(self._relief, int(level * 160)) * min(1.0, 4.0 * level)
        distance = container.depth - level * slope + relief
        outside = self._weather.at(t)
        temperature = outside.temperature + 0.012 * outside.irradiance + 0.3 * self._lid(t)
        tilted = 0.0 <= t - self.last_round(t) < 300.0
        return Content(max(60.0, distance), tilted, temperature)
