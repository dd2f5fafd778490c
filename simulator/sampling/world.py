"""What all devices of a scenario share: its weather and what follows from it."""

from __future__ import annotations

from simulator.noise import seed_of
from simulator.signals.air import OpenAir
from simulator.signals.energy import DegreeDays
from simulator.signals.meters import Frost
from simulator.signals.soil import SoilWater
from simulator.signals.weather import Weather


class World:
    """One weather over a whole territory (its middle in degrees, its altitude in m)."""

    __slots__ = ("degree_days", "frost", "longitude", "open_air", "soil_water", "weather")

    def __init__(self, seed: int, latitude: float, longitude: float, altitude: float) -> None:
        own = seed_of(seed, "weather")
        self.longitude = longitude
        self.weather = Weather(own, latitude, longitude, altitude)
        self.open_air = OpenAir(self.weather, own)
        self.frost = Frost(self.weather)
        self.degree_days = DegreeDays(self.weather)
        self.soil_water = SoilWater(self.weather)
