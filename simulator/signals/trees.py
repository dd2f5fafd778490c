"""Stem radius of a tree as a point dendrometer sees it: growth plus the daily pumping of water.

Growth: one logistic step a year centred in mid-June, and beside it the water deficit of the tree: irreversible
growth and reversible shrinkage, as Zweifel et al. (New Phytologist 2016) part them (not checked). Daily shrinkage: bark
gives water to the crown from sunrise to mid-afternoon and takes it back overnight; its size follows sun and leaves.
Winter: no leaves, a few micrometres with temperature, and a marked shrinkage of frozen bark. Drought: as the soil dries
below a third of what it can hold, growth stops, the stem shrinks day by day and recovers with the next rain.

Sap flow follows the thirst of the air and the sun, saturates with the logarithm of the vapour pressure deficit (Oren et
al., Plant, Cell and Environment 1999: not checked), lags the sun by under an hour, rests at night, and falls with dry
soil; tens of litres a day for a street tree, some L/h at noon (assumed).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from simulator.noise import Smooth, seed_of
from simulator.signals.soil import SoilWater
from simulator.signals.weather import DAY, YEAR, Weather, saturation

_FULL_AT = 5.5  # solar hour of the largest stem
_LEAST_AT = 15.5  # and of the smallest
_DRY_BELOW = 20.0  # mm of soil water from which on drought is felt


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree: radial growth in a year and shrinkage on a sunny summer day, both um; evergreen or not."""

    growth: float
    shrinkage: float
    start: float
    evergreen: bool


def leaves(tree: Tree, t: float) -> float:
    """Share of the leaves that are out: from mid-April to the end of October for what is not evergreen."""
    if tree.evergreen:
        return 0.8
    day = (t % YEAR) / DAY
    out = 1.0 / (1.0 + math.exp(-(day - 110) / 6.0))
    return out / (1.0 + math.exp((day - 300) / 7.0))


class StemRadius:
    """The dendrometer position of one tree."""

    def __init__(self, tree: Tree, weather: Weather, water: SoilWater, longitude: float, seed: int) -> None:
        self._tree = tree
        self._water = water
        self._weather = weather
        self._longitude = longitude
        self._moisture = Smooth(seed_of(seed, "moisture"), 6 * DAY)
        self._wet = Smooth(seed_of(seed, "wet"), 9 * 3600)
        self._noise = Smooth(seed_of(seed, "noise"), 1800)
        self._thirst: dict[int, float] = {}

    def _grown(self, t: float) -> float:
        """Growth since 2025, um."""
        years = t / YEAR - 55.0
        whole = math.floor(years)
        day = (years - whole) * 365.25
        return self._tree.growth * (whole + 1.0 / (1.0 + math.exp(-(day - 166) / 19.0)))

    def _day_thirst(self, cycle: int) -> float:
        """How strongly the crown drew water in the cycle (from one morning maximum to the next), 0 to 1."""
        known = self._thirst.get(cycle)
        if known is None:
            start = (cycle + (_FULL_AT - self._longitude / 15.0) / 24.0) * DAY
            sun = sum(self._weather.at(start + h * 3600.0).irradiance for h in (3, 5, 7, 9)) / 4
            warmth = max(0.0, self._weather.at(start + 9 * 3600.0).temperature - 4.0)
            known = min(1.3, sun / 520.0 * warmth / 20.0)
            if len(self._thirst) > 400:
                self._thirst.clear()
            self._thirst[cycle] = known
        return known

    def at(self, t: float) -> float:
        """Dendrometer position, um."""
        position = t / DAY + (self._longitude / 15.0 - _FULL_AT) / 24.0
        cycle = math.floor(position)
        hour = (position - cycle) * 24.0
        down = _LEAST_AT - _FULL_AT
        if hour < down:
            shape = (1 - math.cos(math.pi * hour / down)) / 2
        else:
            shape = ((1 + math.cos(math.pi * (hour - down) / (24.0 - down))) / 2) ** 1.6
        out = leaves(self._tree, t)
        deficit = self._tree.shrinkage * self._day_thirst(cycle) * shape * (0.06 + 0.94 * out)
        outside = self._weather.at(t)
        smoothed = 0.5 * outside.temperature + 0.5 * outside.mean_temperature
        warmth = 0.9 * min(0.0, outside.temperature - 12.0)
        frost = 11.0 * max(0.0, -0.5 - smoothed)
        swelling = (0.10 + 0.22 * out) * self._tree.shrinkage * self._moisture(t) + 5.0 * self._wet(t)
        dry = max(0.0, 1.0 - self._water.at(t) / _DRY_BELOW)
        drought = 0.9 * self._tree.shrinkage * dry * (0.15 + 0.85 * out)
        return (
            self._tree.start
            + self._grown(t)
            - deficit * (1.0 + 0.3 * dry)
            - drought
            + warmth
            - frost
            + swelling
            + 1.2 * self._noise(t)
        )


class Sap(NamedTuple):
    """What a heat pulse sensor shows."""

    flow: float  # L/h
    outer: float  # cm/h
    inner: float  # cm/h
    temperature: float  # Cel in the wood


class SapFlow:
    """The sap of one tree; the growth of the tree stands for its size."""

    def __init__(self, tree: Tree, weather: Weather, water: SoilWater, seed: int) -> None:
        self._tree = tree
        self._weather = weather
        self._water = water
        self._most = 2.0 + tree.growth / 420.0
        self._noise = Smooth(seed_of(seed, "sap"), 1500.0)

    def at(self, t: float) -> Sap:
        """The sap at `t` (seconds since 1970, UTC)."""
        before = self._weather.at(t - 2400.0)
        deficit = max(0.0, saturation(before.temperature) - before.vapour) / 7.4  # g/m3 to about kPa
        light = before.irradiance / (before.irradiance + 160.0)
        dry = max(0.0, 1.0 - self._water.at(t) / _DRY_BELOW)
        demand = math.log1p(2.2 * deficit) / math.log1p(2.2 * 2.5) * (0.05 + 0.95 * light)
        warm = 1.0 if before.temperature > 4.0 else 0.0
        used = min(1.3, demand) * leaves(self._tree, t) * (1.0 - 0.6 * dry) * warm
        flow = self._most * used * (1.0 + 0.04 * self._noise(t)) + 0.02 * self._noise(t)
        outside = self._weather.at(t - 2 * 3600.0)
        wood = 0.6 * outside.temperature + 0.4 * outside.mean_temperature
        return Sap(flow, 3.4 * flow + 0.05 * self._noise(t), 1.9 * flow - 0.05 * self._noise(t), wood)
