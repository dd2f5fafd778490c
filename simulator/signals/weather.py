"""Outdoor weather of one place, shared by all its signals.

Temperature: season and synoptic noise plus a daily wave whose size follows the sun that reaches the ground. Irradiance:
solar elevation (declination after Cooper 1969), the clear sky of Haurwitz (1945, with the coefficients of pvlib), the
cloud law of Kasten and Czeplak (1980). Vapour: from a dew point that follows the daily mean, saturation after Magnus
(Sonntag 1990). Pressure: synoptic noise reduced to the altitude (international standard atmosphere). Rain: hours in
which slow and fast noise together, leaning on the clouds and the season, pass a threshold, heavier in summer
afternoons. Wind direction: along the valley, north or south, with slow changes.

Fitted to the normals 1991-2020 of Saint-Étienne-Bouthéon (Météo-France, as climatsetvoyages.com gives them): 720 mm on
97 days, 35 mm in January, 90 in May; 11.9 Cel over the year, 0.3 to 7.3 on a day of January, 14.4 to 26.9 in July.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from simulator.noise import Smooth, seed_of, unit

HOUR = 3600.0
DAY = 86400.0
YEAR = 365.2425 * DAY
_MEMORY_HOURS = 20_000  # two years: what looks back months must not push out what looks at now
_RAIN_MEMORY_HOURS = 10_000


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
        self._thinner = (1 - 2.25577e-5 * altitude) ** 5.25588
        self._synoptic = Smooth(seed_of(seed, "synoptic"), 3.3 * DAY)
        self._fine = Smooth(seed_of(seed, "fine"), 2.5 * HOUR)
        self._cloud_slow = Smooth(seed_of(seed, "cloud slow"), 1.7 * DAY)
        self._cloud_fast = Smooth(seed_of(seed, "cloud fast"), 3 * HOUR)
        self._dew = Smooth(seed_of(seed, "dew"), 1.2 * DAY)
        self._pressure = Smooth(seed_of(seed, "pressure"), 2.8 * DAY)
        self._wind = Smooth(seed_of(seed, "wind"), 9 * HOUR)
        self._storm = seed_of(seed, "storm")
        self._shower = Smooth(seed_of(seed, "shower"), 2.2 * HOUR)
        self._turn = Smooth(seed_of(seed, "turn"), 14 * HOUR)
        self._hours: dict[int, Outside] = {}
        self._rain: dict[int, float] = {}
        self._at = -1
        self._left = self._right = Outside(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

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
        irradiance = 1098.0 * elevation * math.exp(-0.059 / elevation) * clear if elevation > 0.0 else 0.0
        mean = 11.9 + 8.4 * season + 3.7 * self._synoptic(t)
        solar_hour = (t % DAY) / HOUR + self._longitude / 15.0
        wave = 0.87 * math.cos(2 * math.pi * (solar_hour - 14.8) / 24) + 0.13 * math.cos(
            4 * math.pi * (solar_hour - 14.3) / 24
        )
        amplitude = (6.0 + 1.1 * season) * (1.25 - 0.75 * cloud)
        temperature = mean + amplitude * wave + 0.4 * self._fine(t)
        dew_point = min(temperature - 0.2, mean - 2.6 - 1.9 * season - 2.0 * (1 - cloud) + 1.3 * self._dew(t))
        wind = 2.1 * math.exp(0.62 * self._wind(t) + 0.28 * wave)
        return Outside(temperature, saturation(dew_point), irradiance, cloud, wind, mean)

    def hour(self, k: int) -> Outside:
        """The open air at the whole hour `k` since 1970."""
        known = self._hours.get(k)
        if known is None:
            if len(self._hours) > _MEMORY_HOURS:
                self._hours.clear()
            known = self._hours[k] = self._at_hour(k)
        return known

    def at(self, t: float) -> Outside:
        """Linear between values computed for whole hours."""
        k = int(t // HOUR)
        if k != self._at:
            self._left, self._right, self._at = self.hour(k), self.hour(k + 1), k
        left, right = self._left, self._right
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

    def irradiance(self, t: float) -> float:
        """The sun on the horizontal, W/m2: what `at` says, alone."""
        k = int(t // HOUR)
        if k != self._at:
            self._left, self._right, self._at = self.hour(k), self.hour(k + 1), k
        f = t / HOUR - k
        return self._left.irradiance * (1.0 - f) + self._right.irradiance * f

    def pressure(self, t: float) -> float:
        """Air pressure at the altitude of the place, hPa."""
        # The atmosphere's tide, highest about 10 and 22 o'clock sun time: never a day without movement.
        tide = 0.7 * math.cos(2 * math.pi * ((t % DAY) / HOUR + self._longitude / 15.0 - 10.0) / 12.0)
        sea_level = 1017.0 + 8.5 * self._pressure(t) + tide
        return sea_level * self._thinner

    def rain(self, k: int) -> float:
        """Millimetres that fall in the hour that begins at the whole hour `k`."""
        known = self._rain.get(k)
        if known is None:
            if len(self._rain) > _RAIN_MEMORY_HOURS:
                self._rain.clear()
            outside = self.hour(k)
            t = k * HOUR
            warm = max(0.0, outside.mean_temperature - 14.0) * (1.0 if 11 <= (k % 24) < 20 else 0.35)
            season = 0.20 * math.cos(2 * math.pi * ((t % YEAR) / DAY - 195) / 365.25)
            wet = 1.9 * (outside.cloud - 0.62) + 0.55 * self._shower(t) - 0.99 + season
            chance = unit(self._storm, k)
            known = 0.0 if wet <= 0.0 else wet * (4.6 + 0.35 * warm) * (0.25 - 0.75 * math.log(1.0 - 0.999 * chance))
            self._rain[k] = known
        return known

    def rain_between(self, start: float, end: float) -> float:
        """Millimetres from start to end, evenly within an hour."""
        first, last = int(start // HOUR), int(end // HOUR)
        total = sum(map(self.rain, range(first, last)))
        return total - self.rain(first) * (start / HOUR - first) + self.rain(last) * (end / HOUR - last)

    def wind_direction(self, t: float) -> float:
        """Where the wind comes from, degrees."""
        turn = self._turn(t)
        return (180.0 if turn > -0.12 else 0.0) + 38.0 * math.tanh(3.0 * turn) % 360.0
