"""Outdoor weather of one place, shared by all its signals.

Temperature: season and synoptic noise plus a daily wave whose size follows the sun that reaches the
ground. Irradiance: solar elevation (declination after Cooper 1969) times the cloud law of Kasten and
Czeplak (1980). Vapour: from a dew point that follows the daily mean, saturation after Magnus (Sonntag
1990). Pressure: synoptic noise reduced to the altitude (international standard atmosphere).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from simulator.noise import Smooth, seed_of

HOUR = 3600.0
DAY = 86400.0
YEAR = 365.2425 * DAY
_MEMORY_HOURS = 2048


class Outside(NamedTuple):
    """The open air at one moment."""

    temperature: float  # Cel
    vapour: float  # g/m3
    irradiance: float  # W/m2 on the horizontal
    cloud: float  # 0 clear to 1 overcast
    wind: float  # m/s
    mean_temperature: float  # Cel, without the daily wave


def saturation(temperature: float) -> float:
    """Water vapour in saturated air, g/m3, for a temperature in Cel."""
    pressure = 611.2 * math.exp(17.62 * temperature / (243.12 + temperature))
    return 2.1674 * pressure / (273.15 + temperature)


class Weather:
    """The weather of a territory around one latitude, longitude (degrees) and altitude (m)."""

    def __init__(self, seed: int, latitude: float, longitude: float, altitude: float) -> None:
        self._latitude = math.radians(latitude)
        self._longitude = longitude
        self._altitude = altitude
        self._synoptic = Smooth(seed_of(seed, "synoptic"), 3.3 * DAY)
        self._fine = Smooth(seed_of(seed, "fine"), 2.5 * HOUR)
        self._cloud_slow = Smooth(seed_of(seed, "cloud slow"), 1.7 * DAY)
        self._cloud_fast = Smooth(seed_of(seed, "cloud fast"), 3 * HOUR)
        self._dew = Smooth(seed_of(seed, "dew"), 1.2 * DAY)
        self._pressure = Smooth(seed_of(seed, "pressure"), 2.8 * DAY)
        self._wind = Smooth(seed_of(seed, "wind"), 9 * HOUR)
        self._hours: dict[int, Outside] = {}

    def solar_elevation(self, t: float) -> float:
        """Sine of the sun's height above the horizon."""
        day_of_year = (t % YEAR) / DAY
        declination = math.radians(23.45) * math.sin(2 * math.pi * (day_of_year - 80) / 365.25)
        solar_hour = (t % DAY) / HOUR + self._longitude / 15.0
        hour_angle = math.radians(15.0 * (solar_hour - 12.0))
        return math.sin(self._latitude) * math.sin(declination) + math.cos(self._latitude) * math.cos(
            declination
        ) * math.cos(hour_angle)

    def _at_hour(self, k: int) -> Outside:
        t = k * HOUR
        season = -math.cos(2 * math.pi * ((t % YEAR) / DAY - 18) / 365.25)
        cloud = min(1.0, max(0.0, 0.55 - 0.12 * season + 0.38 * self._cloud_slow(t) + 0.15 * self._cloud_fast(t)))
        clear = 1 - 0.75 * cloud**3.4
        elevation = self.solar_elevation(t)
        irradiance = max(0.0, 990.0 * elevation - 20.0) * clear
        mean = 11.6 + 8.8 * season + 3.4 * self._synoptic(t)
        solar_hour = (t % DAY) / HOUR + self._longitude / 15.0
        wave = 0.87 * math.cos(2 * math.pi * (solar_hour - 14.8) / 24) + 0.13 * math.cos(
            4 * math.pi * (solar_hour - 14.3) / 24
        )
        amplitude = (3.6 + 2.6 * season) * (1.25 - 0.75 * cloud)
        temperature = mean + amplitude * wave + 0.4 * self._fine(t)
        dew_point = min(temperature - 0.2, mean - 2.6 - 1.9 * season - 2.0 * (1 - cloud) + 1.3 * self._dew(t))
        wind = max(0.2, 2.4 + 1.6 * self._wind(t) + 0.9 * wave)
        return Outside(temperature, saturation(dew_point), irradiance, cloud, wind, mean)

    def at(self, t: float) -> Outside:
        """Linear between values computed for whole hours."""
        k = math.floor(t / HOUR)
        hours = self._hours
        left, right = hours.get(k), hours.get(k + 1)
        if left is None or right is None:
            if len(hours) > _MEMORY_HOURS:
                hours.clear()
            left = hours.setdefault(k, self._at_hour(k))
            right = hours.setdefault(k + 1, self._at_hour(k + 1))
        f = t / HOUR - k
        g = 1.0 - f
        return Outside(
            left.temperature * g + right.temperature * f,
            left.vapour * g + right.vapour * f,
            left.irradiance * g + right.irradiance * f,
            left.cloud * g + right.cloud * f,
            left.wind * g + right.wind * f,
            left.mean_temperature * g + right.mean_temperature * f,
        )

    def pressure(self, t: float) -> float:
        """Air pressure at the altitude of the place, hPa."""
        # The atmosphere's tide, highest about 10 and 22 o'clock sun time: never a day without movement.
        tide = 0.7 * math.cos(2 * math.pi * ((t % DAY) / HOUR + self._longitude / 15.0 - 10.0) / 12.0)
        sea_level = 1017.0 + 8.5 * self._pressure(t) + tide
        return sea_level * (1 - 2.25577e-5 * self._altitude) ** 5.25588
