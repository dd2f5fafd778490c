"""Indoor air: carbon dioxide, temperature and humidity of a room from who is in it and the weather.

One well mixed zone. A local day is cut at whole hours and where the timetable changes; within a step all is constant
and solved exactly. Each day is integrated anew after three days in full and a week in steps of six hours, so that a
moment does not depend on what was asked before.

- CO2: dC/dt = G n / V - a (C - C_out), solved exactly; G = 0.0048 L/s for an adult in an office (Persily and de
  Jonge, Indoor Air 2017, table 5); 11 L/h for a child of primary school (not checked).
- Temperature: losses to the outside, 70 W per person, sun through the windows, and a heating that holds
  the set point in working hours, starts two hours ahead and falls back at night.
- Humidity: vapour balance with 45 g/h per adult and 33 g/h per child, half of which walls and books take up.
- Particles: those of the open air (`air.py`), half of which come in, plus what people stir up.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from simulator.noise import Smooth, normal, seed_of, unit
from simulator.signals.air import OpenAir
from simulator.signals.calendar import day_start, is_public_holiday, local_day, weekday
from simulator.signals.occupancy import TIMETABLES, boundaries, people
from simulator.signals.weather import Weather, saturation

_RUN_UP_DAYS = 3
_SIX_HOURS = math.exp(-0.025 * 6)
_COLUMNS = 8  # start, CO2 and what it tends to, vapour and what it tends to, air changes per second, Cel, people
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


class RoomAir:
    """The air of one room; `at(t)` is pure, the last day is kept only to be quick."""

    __slots__ = (
        *("_begins", "_child", "_day", "_draught", "_open_air", "_ordinal", "_room", "_seed", "_set_point", "_steps"),
        *("_unit_co2", "_unit_humidity", "_unit_temperature", "_weather"),
    )

    def __init__(self, room: Room, weather: Weather, open_air: OpenAir, seed: int) -> None:
        self._room = room
        self._weather = weather
        self._open_air = open_air
        self._seed = seed
        self._set_point = room.set_point + 0.6 * normal(seed_of(seed, "set point"), 0)
        self._draught = Smooth(seed_of(seed, "draught"), 5 * 3600)
        self._unit_temperature = Smooth(seed_of(seed, "temperature"), 1500)
        self._unit_humidity = Smooth(seed_of(seed, "humidity"), 1800)
        self._unit_co2 = Smooth(seed_of(seed, "co2"), 900)
        self._child = room.kind in {"classroom", "canteen", "nursery"}
        self._steps = boundaries(room.kind)
        self._ordinal = -1
        self._day = self._begins = array("d")

    def _wanted(self, hour: float, working: bool) -> float:
        first, last = (8.0, 21.5) if self._room.kind in {"gym", "hall"} else (6.0, 17.5)
        occupied = (working or self._room.kind in {"gym", "hall", "library"}) and first <= hour < last
        return self._set_point if occupied else self._set_point - 3.2

    def _prelude(self, t: float) -> float:
        """Temperature at `t` after a week in steps of six hours, with the room's mean use."""
        weather, room = self._weather, self._room
        k0 = int(t // 3600) - 168
        temperature = max(weather.hour(k0).mean_temperature + 4.0, room.set_point - 2.5)
        gains = 0.16 * 70.0 / (room.volume * 26.0) * room.people
        for k in range(k0 + 3, k0 + 168, 6):
            outside = weather.hour(k)
            heated = self._set_point - 2.0 if outside.mean_temperature < _HEATING_BELOW else -90.0
            drift = gains + 0.00042 * outside.irradiance
            steady = outside.temperature + drift / 0.025
            temperature = max(heated, steady + (temperature - steady) * _SIX_HOURS)
        return temperature

    def _integrate(self, ordinal: int) -> array[float]:
        """The columns for each step of a local day, after three days of run-up (see `_COLUMNS`)."""
        room, weather, child = self._room, self._weather, self._child
        first = ordinal - _RUN_UP_DAYS
        temperature = self._prelude(day_start(first))
        co2, vapour = 440.0, weather.at(day_start(first)).vapour
        generation = (0.011 if child else 0.0173) / room.volume * 1e6
        moisture = (16.0 if child else 22.0) / room.volume
        warming = 70.0 / (room.volume * 26.0)  # K/h for one person: 26 Wh/K of quick mass per m3
        first_use = min(slot.start for slot in TIMETABLES[room.kind])
        columns = array("d")
        for day in range(first, ordinal + 1):
            midnight, tomorrow = day_start(day), day_start(day + 1)
            working = weekday(day) < 5 and not is_public_holiday(day)
            k0 = round(midnight / 3600.0)
            for hour, later in self._steps:
                t = midnight + hour * 3600.0
                if t >= tomorrow:
                    break
                hours = (tomorrow - t) if later >= 24.0 else min(later * 3600.0, tomorrow - midnight) - hour * 3600.0
                hours /= 3600.0
                outside = weather.hour(k0 + int(hour + 0.5 * hours))
                present = 0.0 if hour < first_use else people(room.kind, self._seed, day, hour + 1e-6, room.people)
                changes = room.air_changes if present > 0 else 0.22
                airing = present > 0 and (outside.temperature > 17.0 or unit(self._seed, int(t) // 900) < 0.06)
                if airing or (child and present == 0 and working and 9.9 < hour < 16.5 and co2 > 900):
                    changes += 2.2
                co2_end = 428.0 + 14.0 / (0.4 + 0.5 * outside.wind) + generation * present / changes
                vapour_end = outside.vapour + moisture * present / changes
                if day == ordinal:
                    columns.extend((t, co2, co2_end, vapour, vapour_end, changes / 3600.0, temperature, present))
                keep = math.exp(-changes * hours)
                co2 = co2_end + (co2 - co2_end) * keep
                vapour = min(vapour_end + (vapour - vapour_end) * keep, 0.92 * saturation(temperature))
                loss = 0.019 + 0.016 * max(0.0, changes - 0.22)
                drift = warming * present + 0.00042 * outside.irradiance
                pull = 0.0
                if outside.mean_temperature < _HEATING_BELOW:
                    wanted = self._wanted(hour, working)
                    ahead = 0.012 * (wanted - outside.temperature)
                    demand = 1.5 * (wanted - temperature) + ahead
                    if demand >= 1.6:
                        drift += 1.6
                    elif demand > 0.0:
                        pull = 1.5
                        drift += 1.5 * wanted + ahead
                steady = (loss * outside.temperature + drift) / (loss + pull)
                temperature = steady + (temperature - steady) * math.exp(-(loss + pull) * hours)
        columns.extend((day_start(ordinal + 1), co2, co2, vapour, vapour, 0.0, temperature, 0.0))
        return columns

    def at(self, t: float) -> Air:
        """The air at `t` (seconds since 1970, UTC)."""
        ordinal = local_day(t)
        if ordinal != self._ordinal:
            self._day, self._ordinal = self._integrate(ordinal), ordinal
            self._begins = self._day[::_COLUMNS]
        day = self._day
        i = bisect_right(self._begins, t) - 1
        start, co2, co2_end, vapour, vapour_end, rate, warmth, present = day[i * _COLUMNS : (i + 1) * _COLUMNS]
        keep = math.exp(-rate * (t - start))
        co2 = co2_end + (co2 - co2_end) * keep
        vapour = vapour_end + (vapour - vapour_end) * keep
        f = (t - start) / (day[(i + 1) * _COLUMNS] - start)
        warmth += (day[(i + 1) * _COLUMNS + 6] - warmth) * f
        draught = self._draught(t)
        temperature = warmth + 0.22 * draught + 0.05 * self._unit_temperature(t)
        humidity = 100.0 * vapour / saturation(temperature) + 0.4 * self._unit_humidity(t)
        used = min(1.0, present / self._room.people)
        irradiance = self._weather.irradiance(t)
        daylight = 1.1 * irradiance / (1.0 + irradiance / 400.0)
        fine = 0.55 * self._open_air.at(t) + 1.5 * used
        return Air(
            temperature,
            min(99.0, max(5.0, humidity)),
            max(400.0, co2 * (1.0 + 0.008 * self._unit_co2(t))),
            min(5.0, max(0.3, 0.9 + 0.00085 * (co2 - 430.0) + 0.12 * draught)),
            present,
            daylight + (320.0 if present > 0 else 0.0),
            self._weather.pressure(t),
            fine,
            1.25 * fine + 9.0 * used,
        )
