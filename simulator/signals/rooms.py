"""Indoor air: carbon dioxide, temperature and humidity of a room from who is in it and the weather.

One well mixed zone, integrated in steps of ten minutes over blocks of a week with a run-up of four days
(the thermal memory is under a day, so a block does not depend on where the integration began).

- CO2: dC/dt = G n / V - a (C - C_out), G = 18 L/h for a seated adult and 11 L/h for a child (Persily and
  de Jonge, Indoor Air 2017), solved exactly within a step.
- Temperature: losses to the outside, 70 W per person, sun through the windows, and a heating that holds
  the set point in working hours, starts two hours ahead and falls back at night.
- Humidity: vapour balance with 45 g/h per adult and 33 g/h per child, half of which walls and books take up.
- Particles: the outdoor background (season, rush hours, evening wood fires held down by calm cold air),
  half of which comes in, plus what people stir up.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import NamedTuple

from simulator.noise import Smooth, normal, seed_of, unit
from simulator.signals.calendar import day_start, is_public_holiday, local_day, weekday
from simulator.signals.occupancy import people
from simulator.signals.weather import Weather, saturation

STEP = 600
BLOCK = 7 * 86400
_RUN_UP = 4 * 86400
_SLOTS = BLOCK // STEP
_HEATING_BELOW = 14.0  # Cel of the day's mean outside


@dataclass(frozen=True, slots=True)
class Room:
    """A room as the scenario gives it: kind of use, volume in m3, people when full, air changes per hour."""

    kind: str
    volume: float
    people: float
    air_changes: float
    set_point: float


class Air(NamedTuple):
    """What a perfect instrument would show."""

    temperature: float  # Cel
    relative_humidity: float  # %
    co2: float  # ppm
    tvoc_index: float  # 1 clean to 5, as makers rate indoor air
    people: float
    light: float  # lx
    pressure: float  # hPa
    pm2_5: float  # ug/m3
    pm10: float  # ug/m3


class _Block(NamedTuple):
    start: float
    co2: array[float]
    temperature: array[float]
    vapour: array[float]
    people: array[float]


class OutdoorParticles:
    """PM2.5 of the open air of a territory."""

    def __init__(self, weather: Weather, seed: int) -> None:
        self._weather = weather
        self._background = Smooth(seed_of(seed, "background particles"), 2.2 * 86400)

    def at(self, t: float) -> float:
        """Mass concentration, ug/m3."""
        outside = self._weather.at(t)
        ordinal = local_day(t)
        hour = (t - day_start(ordinal)) / 3600.0
        working = weekday(ordinal) < 5 and not is_public_holiday(ordinal)
        rush = math.exp(-(((hour - 8.2) / 1.1) ** 2)) + math.exp(-(((hour - 18.0) / 1.5) ** 2))
        late = hour + 24.0 if hour < 6.0 else hour
        fires = math.exp(-(((late - 21.0) / 2.6) ** 2)) * max(0.0, 13.0 - outside.mean_temperature)
        background = 6.0 * math.exp(0.45 * self._background(t))
        held_down = 1.0 / (0.35 + 0.28 * outside.wind)
        return max(1.0, (background + (3.2 if working else 1.2) * rush + 1.25 * fires) * held_down)


class RoomAir:
    """The air of one room; `at(t)` is pure, blocks of a week are kept only to be quick."""

    def __init__(self, room: Room, weather: Weather, particles: OutdoorParticles, seed: int) -> None:
        self._room = room
        self._weather = weather
        self._particles = particles
        self._seed = seed
        self._set_point = room.set_point + 0.6 * normal(seed_of(seed, "set point"), 0)
        self._draught = Smooth(seed_of(seed, "draught"), 5 * 3600)
        self._unit_temperature = Smooth(seed_of(seed, "temperature"), 1500)
        self._unit_humidity = Smooth(seed_of(seed, "humidity"), 1800)
        self._unit_co2 = Smooth(seed_of(seed, "co2"), 900)
        self._child = room.kind in {"classroom", "canteen", "nursery"}
        self._block: _Block | None = None

    def _wanted(self, hour: float, working: bool) -> float:
        first, last = (8.0, 21.5) if self._room.kind in {"gym", "hall"} else (6.0, 17.5)
        occupied = (working or self._room.kind in {"gym", "hall", "library"}) and first <= hour < last
        return self._set_point if occupied else self._set_point - 3.2

    def _integrate(self, index: int) -> _Block:
        room, weather = self._room, self._weather
        start = float(index * BLOCK)
        t = start - _RUN_UP
        outside = weather.at(t)
        co2, vapour = 430.0, outside.vapour
        temperature = max(outside.mean_temperature + 3.0, room.set_point - 2.5)
        columns = _Block(start, array("d"), array("d"), array("d"), array("d"))
        generation = (0.011 if self._child else 0.018) / room.volume * 1e6
        moisture = 16.0 if self._child else 22.0
        warming = 70.0 / (room.volume * 26.0)  # K/h for one person: 26 Wh/K of quick mass per m3
        hours = STEP / 3600.0
        ordinal, midnight = -1, 0.0
        working = False
        while t <= start + BLOCK:
            if t >= midnight + 86400 or ordinal < 0:
                ordinal = local_day(t)
                midnight = day_start(ordinal)
                working = weekday(ordinal) < 5 and not is_public_holiday(ordinal)
            hour = (t - midnight) / 3600.0
            outside = weather.at(t)
            present = people(room.kind, self._seed, ordinal, hour, room.people)
            changes = room.air_changes if present > 0 else 0.22
            airing = present > 0 and (outside.temperature > 17.0 or unit(self._seed, int(t) // 1800) < 0.06)
            break_time = self._child and present == 0 and working and hour < 16.5 and hour > 9.9 and co2 > 900
            if airing or break_time:
                changes += 2.2
            if t >= start:
                columns.co2.append(co2)
                columns.temperature.append(temperature)
                columns.vapour.append(vapour)
                columns.people.append(present)
            outdoor_co2 = 428.0 + 14.0 / (0.4 + 0.5 * outside.wind)
            keep = math.exp(-changes * hours)
            co2 = co2 * keep + (outdoor_co2 + generation * present / changes) * (1 - keep)
            vapour = vapour * keep + (outside.vapour + moisture * present / room.volume / changes) * (1 - keep)
            vapour = min(vapour, 0.92 * saturation(temperature))
            drift = (outside.temperature - temperature) * (0.019 + 0.016 * max(0.0, changes - 0.22))
            drift += warming * present + 0.00042 * outside.irradiance
            if outside.mean_temperature < _HEATING_BELOW:
                wanted = self._wanted(hour, working)
                drift += max(0.0, min(1.6, 1.5 * (wanted - temperature) + 0.012 * (wanted - outside.temperature)))
            temperature += drift * hours
            t += STEP
        return columns

    def at(self, t: float) -> Air:
        """The air at `t` (seconds since 1970, UTC)."""
        index = math.floor(t / BLOCK)
        block = self._block
        if block is None or block.start != index * BLOCK:
            block = self._block = self._integrate(index)
        place = (t - block.start) / STEP
        i = min(int(place), _SLOTS - 1)
        f = place - i
        temperature = (
            block.temperature[i] * (1 - f)
            + block.temperature[i + 1] * f
            + 0.22 * self._draught(t)
            + 0.05 * self._unit_temperature(t)
        )
        vapour = block.vapour[i] * (1 - f) + block.vapour[i + 1] * f
        humidity = 100.0 * vapour / saturation(temperature) + 0.4 * self._unit_humidity(t)
        co2 = block.co2[i] * (1 - f) + block.co2[i + 1] * f
        present = block.people[i]
        used = min(1.0, present / self._room.people)
        irradiance = self._weather.at(t).irradiance
        daylight = 1.1 * irradiance / (1.0 + irradiance / 400.0)
        fine = 0.55 * self._particles.at(t) + 1.5 * used
        return Air(
            temperature,
            min(99.0, max(5.0, humidity)),
            max(400.0, co2 * (1.0 + 0.008 * self._unit_co2(t))),
            min(5.0, max(0.3, 0.9 + 0.00085 * (co2 - 430.0) + 0.12 * self._draught(t))),
            present,
            daylight + (320.0 if present > 0 else 0.0),
            self._weather.pressure(t),
            fine,
            1.25 * fine + 9.0 * used,
        )
