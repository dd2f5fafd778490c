"""Fill of a container: deposits by weekday and hour, collection rounds, an uneven surface, and now and then a fire.

Deposits follow the calendar of what the container takes (glass after the weekend, the bins of a recycling centre only
while it is open) with chance by day and hour; a round empties the container on its weekday every so many weeks at
about its hour, and one in twenty does not come. A fire (paper, packaging, household waste, textile, wood, bulky waste)
heats what is under the lid for an hour and leaves little. Nothing is remembered: the fill is what came since the last
emptying.

Assumed: shares of weekdays and hours, and how often a round does not come. That containers fill steadily between rounds
is what those who plan rounds assume (Faccio, Persona and Zanin, Waste Management 31, 2011: not checked).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from simulator.noise import Smooth, mix, normal, seed_of, unit
from simulator.signals.calendar import day_start, local_day, weekday
from simulator.signals.flow import Calendar, Flow
from simulator.signals.visitors import centre_factor, centre_hours
from simulator.signals.weather import Weather

_HOURS = (0.1, 0, 0, 0, 0, 0, 0.3, 1, 2.4, 3, 4, 4.6, 3, 2.2, 3, 4, 4.4, 5, 4.6, 3, 2, 1.2, 0.7, 0.3)
WEEKDAY_FACTORS = {
    "glass": (1.15, 0.7, 0.8, 0.75, 0.9, 1.4, 1.3),
    "paper": (0.9, 0.85, 1.1, 0.9, 0.95, 1.35, 0.95),
    "packaging": (1.1, 0.9, 1.0, 0.9, 1.0, 1.2, 0.9),
    "household": (1.1, 1.0, 1.0, 1.0, 1.05, 1.0, 0.85),
    "textile": (0.9, 0.8, 1.1, 0.8, 0.9, 1.6, 0.9),
}
CENTRE_KINDS = ("green", "rubble", "wood", "bulky")
_BURNS = frozenset({"paper", "packaging", "household", "textile", "wood", "bulky"})
_FIRE_DAYS = 90.0
_FIRE_CHANCE = 0.004
_BURNING = 3600.0
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
    fill: float  # share that is full
    tilted: bool
    burning: bool
    temperature: float  # Cel, under the lid


@cache
def calendar(kind: str) -> Calendar:
    """The days and hours of deposits of a kind of waste."""
    if kind in CENTRE_KINDS:
        return Calendar(centre_factor, centre_hours)
    factors = WEEKDAY_FACTORS[kind]
    return Calendar(lambda ordinal: factors[weekday(ordinal)], _HOURS)


class BinFill:
    """The content of one container."""

    __slots__ = ("_container", "_emptied", "_fires", "_flow", "_lid", "_relief", "_rounds", "_weather")

    def __init__(self, container: Container, weather: Weather, seed: int) -> None:
        self._container = container
        self._weather = weather
        self._flow = Flow(calendar(container.kind), seed_of(seed, "deposits"), 0.42, 0.8)
        self._rounds = seed_of(seed, "rounds")
        self._fires = seed_of(seed, "fires")
        self._relief = seed_of(seed, "relief")
        self._lid = Smooth(seed_of(seed, "lid"), 1200)
        self._emptied: tuple[float, float] = (0.0, 0.0)  # when, and the flow at that moment

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

    def fire(self, t: float) -> float:
        """When the last fire before `t` broke out, or -inf when there was none in half a year."""
        if self._container.kind not in _BURNS:
            return -math.inf
        quarter = int(t // (_FIRE_DAYS * 86400.0))
        for number in (quarter, quarter - 1):
            if unit(self._fires, number * 2) < _FIRE_CHANCE:
                began = (number + unit(self._fires, number * 2 + 1)) * _FIRE_DAYS * 86400.0
                if began <= t:
                    return began
        return -math.inf

    def fill(self, t: float) -> float:
        """Share of the container that is full: 0 to 1.06 (people go on pushing)."""
        emptied = max(self.last_round(t), self.fire(t) + _BURNING / 2)
        emptied = min(emptied, t)
        when, then = self._emptied
        if when != emptied:
            then = self._flow.at(emptied)
            self._emptied = (emptied, then)
        left = 0.02 + 0.02 * unit(self._relief, int(emptied))
        level = left + (self._flow.at(t) - then) / self._container.days_to_fill
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
        burns = t - self.fire(t)
        if burns < 4 * _BURNING:
            heat = 1.0 - math.exp(-burns / 400.0)
            temperature += 95.0 * heat * math.exp(-max(0.0, burns - _BURNING) / 2400.0)
        tilted = 0.0 <= t - self.last_round(t) < 300.0
        return Content(max(60.0, distance), level, tilted, burns < _BURNING, temperature)
