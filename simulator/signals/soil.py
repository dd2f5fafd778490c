"""Water and warmth of the soil of a territory: rain fills, drainage and roots empty, depth slows the temperature.

Storage: a bucket of daily steps, S' = rain - S / tau; tau falls from seven weeks in winter to eight days in the heat,
because drainage is joined by evapotranspiration (a single bucket; the rates are assumed). Water content lies between
wilting point and saturation of a loam, 14 to 48 % (Saxton and Rawls 2006: 13.7 and 48.2 % for 20 % of sand, 20 % of
clay and 2.5 % of organic matter). Temperature: mean of the days before plus a daily wave damped and late by depth, by e
and a radian for each damping depth of 12 cm (solution of the heat equation; the depth is that of a moist loam).
Blocks of 64 days are computed with a run-up of 256: any moment can be asked.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import NamedTuple

from simulator.noise import Smooth, seed_of, unit
from simulator.signals.weather import Weather

_DAY = 86400.0
_BLOCK, _RUN_UP = 64, 256
_CAPACITY = 62.0  # mm in the root zone above wilting


class SoilWater:
    """Plant-available water of a weather, mm; shared by soils, trees and cellars."""

    def __init__(self, weather: Weather) -> None:
        self._weather = weather
        self._blocks: dict[int, array[float]] = {}

    def _tau(self, day: int) -> float:
        """Days after which a third is left."""
        warmth = self._weather.hour(day * 24 + 14).temperature
        return max(8.0, 60.0 - 2.2 * max(0.0, warmth))

    def _block(self, index: int) -> array[float]:
        known = self._blocks.get(index)
        if known is None:
            if len(self._blocks) > 16:
                self._blocks.clear()
            rain, storage = self._weather.rain, 40.0
            known = array("d")
            for day in range(index * _BLOCK - _RUN_UP, (index + 1) * _BLOCK + 1):
                if day >= index * _BLOCK:
                    known.append(storage)
                fallen = sum(rain(day * 24 + h) for h in range(24))
                storage = min(_CAPACITY * 1.6, storage * math.exp(-1.0 / self._tau(day)) + fallen)
            self._blocks[index] = known
        return known

    def at(self, t: float) -> float:
        """Millimetres at `t`."""
        day = int(t // _DAY)
        index = day // _BLOCK
        storage = self._block(index)[day - index * _BLOCK]
        part = t / _DAY - day
        return min(
            _CAPACITY * 1.6, storage * math.exp(-part / self._tau(day)) + self._weather.rain_between(day * _DAY, t)
        )


class Soil(NamedTuple):
    """What a perfect probe would show."""

    moisture: float  # % of volume
    temperature: float  # Cel
    conductivity: float  # uS/cm


@dataclass(frozen=True, slots=True)
class Ground:
    """A place in the ground: cm deep, 0 (bone dry stand) to 1 (wet), watered by hand in dry spells or not."""

    depth: float
    wetness: float
    watered: bool


class SoilProbe:
    """The soil around one probe."""

    __slots__ = ("_ground", "_noise", "_place", "_seed", "_water", "_weather")

    def __init__(self, ground: Ground, water: SoilWater, weather: Weather, seed: int) -> None:
        self._ground = ground
        self._water = water
        self._weather = weather
        self._seed = seed_of(seed, "ground")
        self._place = 0.85 + 0.3 * unit(self._seed, 1)
        self._noise = Smooth(seed_of(seed, "soil"), 5 * 3600)

    def moisture(self, t: float) -> float:
        """Volumetric water, %; the wetting front takes an hour for 5 cm."""
        ground = self._ground
        water, late = self._water, 720.0 * ground.depth
        deep = min(0.85, ground.depth / 50.0)
        below = (water.at(t - late - 2 * _DAY) + water.at(t - late - 5 * _DAY) + water.at(t - late - 9 * _DAY)) / 3
        storage = ((1.0 - deep) * water.at(t - late) + deep * below) * self._place
        if ground.watered:  # three mornings a week, 8 mm, when it is dry
            day = int((t - 6 * 3600.0) // _DAY)
            if storage < 22.0:
                last = next(back for back in range(4) if (day - back) % 7 in {0, 2, 4} or back == 3)
                age = t / _DAY - 0.25 - (day - last)
                storage += 15.0 * math.exp(-age / 2.2) * min(1.0, (22.0 - storage) / 6.0)
        filled = 1.0 - math.exp(-storage / (_CAPACITY * (0.85 - 0.35 * ground.wetness)))
        return 13.0 + 2.0 * ground.wetness + 33.0 * filled + 0.12 * self._noise(t)

    def at(self, t: float) -> Soil:
        """The soil at `t` (seconds since 1970, UTC)."""
        weather, depth = self._weather, self._ground.depth
        damping = math.exp(-depth / 12.0)
        late = depth / 12.0 * 3.82 * 3600.0  # a radian of the daily wave for each damping depth
        means = [weather.at(t - back * _DAY).mean_temperature for back in (0.3, 1.0, 2.0, 3.5)]
        outside = weather.at(t - late)
        mean = sum(means) / 4
        wave = (outside.temperature - outside.mean_temperature) * 1.15 * damping
        temperature = 0.9 * mean + 1.7 + wave
        moisture = self.moisture(t)
        conductivity = max(20.0, (7.5 * moisture - 40.0) * (1.0 + 0.019 * (temperature - 25.0)) * self._place)
        return Soil(moisture, temperature, conductivity)
