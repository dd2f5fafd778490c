"""A cellar or technical room: cool, damp, and wet on the floor when the ground is full or a joint gives way.

Temperature follows the ground; humidity follows the outside air brought to that temperature; water stands on the
floor while the soil holds more than it can (heavy rain on wet ground) or for half a day after a joint has failed.
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.noise import Smooth, seed_of, unit
from simulator.signals.soil import SoilWater
from simulator.signals.weather import Weather, saturation

_WEEK = 7 * 86400.0
_JOINT_CHANCE = 0.004


class Damp(NamedTuple):
    """What a perfect instrument at the floor would show."""

    temperature: float  # Cel
    humidity: float  # %RH
    wet: bool


class Cellar:
    """One cellar; `depth` 0 (well drained) to 1 (floods with the ground water)."""

    __slots__ = ("_depth", "_joint", "_noise", "_water", "_weather")

    def __init__(self, depth: float, water: SoilWater, weather: Weather, seed: int) -> None:
        self._depth = depth
        self._water = water
        self._weather = weather
        self._joint = seed_of(seed, "joint")
        self._noise = Smooth(seed_of(seed, "cellar"), 4 * 3600.0)

    def at(self, t: float) -> Damp:
        """The cellar at `t` (seconds since 1970, UTC)."""
        weather = self._weather
        mean = sum(weather.at(t - back * 86400.0).mean_temperature for back in (0.5, 2.0, 4.0)) / 3
        temperature = 0.45 * mean + 7.6 + 0.15 * self._noise(t)
        vapour = weather.at(t - 6 * 3600.0).vapour
        humidity = min(98.0, max(30.0, 92.0 * vapour / saturation(temperature) + 12.0 + self._noise(t)))
        week = int(t // _WEEK)
        began = (week + unit(self._joint, 2 * week + 1)) * _WEEK
        failed = unit(self._joint, 2 * week) < _JOINT_CHANCE and began <= t < began + 12 * 3600.0
        flooded = self._water.at(t - 3 * 3600.0) > 130.0 - 62.0 * self._depth
        return Damp(temperature, humidity, failed or flooded)
