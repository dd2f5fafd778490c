"""Decentlab protocol v2, big-endian, f_port 1: DL-ISF sap flow, DL-PM particles, DL-ATM41 weather.

Source: the vendor's decoders, one table per model. A frame is 2, the device id, a bit per group of words, the words.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from simulator.encoders.truth import Payload, Truth, nearest

F_PORT = 1


def _word(value: float, step: float, offset: int = 0) -> int:
    return nearest(value, step, -offset, 65535 - offset) + offset


@dataclass(frozen=True, slots=True)
class Isf:
    """Sap flow L/h, heat velocities cm/h, wood Cel, supply V, battery V; the fit's own numbers as raw words.

    `diagnostic` is 0 unless the device finds something wrong with its own measurement.
    """

    device_id: int
    sap_flow: float
    outer_velocity: float
    inner_velocity: float
    wood_temperature: float
    max_voltage: float
    min_voltage: float
    battery_voltage: float
    fit: tuple[int, int, int, int, int, int] = (31250, 31250, 31250, 31250, 18000, 18000)
    upstream: tuple[int, int] = (17800, 17800)
    diagnostic: tuple[int, int] = (0, 0)

    def encode(self) -> Payload:
        """The 39 bytes, with what they mean."""
        data = struct.pack(
            ">BHH17H",
            *(2, self.device_id, 0b11),
            *(
                nearest(value + 50, 0.016, 0, 65535)
                for value in (self.sap_flow, self.outer_velocity, self.inner_velocity)
            ),
            *self.fit,
            _word(self.wood_temperature, 0.01, 32768),
            _word(self.max_voltage, 0.001, 32768),
            _word(self.min_voltage, 0.001, 32768),
            *self.diagnostic,
            *self.upstream,
            _word(self.battery_voltage, 0.001),
        )
        return Payload(
            F_PORT,
            data,
            (
                Truth("sap_flow", self.sap_flow, 0.016),
                Truth("heat_velocity", self.outer_velocity, 0.016, "outer"),
                Truth("heat_velocity", self.inner_velocity, 0.016, "inner"),
                Truth("wood_temperature", self.wood_temperature, 0.01),
                Truth("voltage_dc", self.max_voltage, 0.001, "max"),
                Truth("voltage_dc", self.min_voltage, 0.001, "min"),
                Truth("battery_voltage", self.battery_voltage, 0.001),
            ),
        )


@dataclass(frozen=True, slots=True)
class Pm:
    """Particles in ug/m3, air in Cel, %RH and hPa, battery V; size and number counts as raw words."""

    device_id: int
    battery_voltage: float
    pm1: float
    pm2_5: float
    pm4: float
    pm10: float
    temperature: float
    humidity: float
    pressure: float
    counts: tuple[int, int, int, int, int, int] = (510, 260, 300, 301, 301, 301)

    def encode(self) -> Payload:
        """The 33 bytes, with what they mean."""
        masses = (self.pm1, self.pm2_5, self.pm4, self.pm10)
        data = struct.pack(
            ">BHH14H",
            *(2, self.device_id, 0b1111),
            _word(self.battery_voltage, 0.001),
            *(_word(mass, 0.1) for mass in masses),
            *self.counts,
            nearest(self.temperature + 46.85, 175.72 / 65536, 0, 65535),
            nearest(self.humidity + 6, 125 / 65536, 0, 65535),
            _word(self.pressure, 0.02),
        )
        return Payload(
            F_PORT,
            data,
            (
                Truth("battery_voltage", self.battery_voltage, 0.001),
                *(Truth(name, mass, 0.1) for name, mass in zip(("pm1", "pm2_5", "pm4", "pm10"), masses, strict=True)),
                Truth("air_temperature", self.temperature, 175.72 / 65536),
                Truth("relative_humidity", self.humidity, 125 / 65536),
                Truth("air_pressure", self.pressure, 0.02),
            ),
        )


@dataclass(frozen=True, slots=True)
class Atm41:
    """A weather station: W/m2, mm since the last report, m/s, degrees, Cel, kPa, hPa, %RH, V; upright, no lightning."""

    device_id: int
    irradiance: float
    precipitation: float
    wind_speed: float
    wind_direction: float
    wind_gust: float
    temperature: float
    vapour_pressure: float
    pressure: float
    humidity: float
    battery_voltage: float
    rest: tuple[int, int, int, int, int, int] = (33026, 32768, 32768, 32768, 32768, 32768)

    def encode(self) -> Payload:
        """The 41 bytes, with what they mean; `rest` holds orientation and wind vector as raw words."""
        half = 32768
        inside = (self.rest[0] - half) / 10
        data = struct.pack(
            ">BHH18H",
            *(2, self.device_id, 0b11),
            _word(self.irradiance, 1, half),
            _word(self.precipitation, 0.001, half),
            *(half, half),
            _word(self.wind_speed, 0.01, half),
            _word(self.wind_direction, 0.1, half),
            _word(self.wind_gust, 0.01, half),
            _word(self.temperature, 0.1, half),
            _word(self.vapour_pressure, 0.01, half),
            _word(self.pressure / 10, 0.01, half),
            _word(self.humidity, 0.1, half),
            *self.rest,
            _word(self.battery_voltage, 0.001),
        )
        return Payload(
            F_PORT,
            data,
            (
                Truth("solar_irradiance", self.irradiance, 1.0),
                Truth("precipitation", self.precipitation, 0.001),
                Truth("lightning_count", 0.0, 0.0),
                Truth("wind_speed", self.wind_speed, 0.01),
                Truth("wind_direction", self.wind_direction, 0.1),
                Truth("wind_gust", self.wind_gust, 0.01),
                Truth("air_temperature", self.temperature, 0.1),
                Truth("vapour_pressure", self.vapour_pressure, 0.01),
                Truth("air_pressure", self.pressure, 0.1),
                Truth("relative_humidity", self.humidity, 0.1),
                Truth("device_temperature", inside, 0.0),
                Truth("tilt_angle", (self.rest[1] - half) / 10, 0.0, "x"),
                Truth("tilt_angle", (self.rest[2] - half) / 10, 0.0, "y"),
                Truth("battery_voltage", self.battery_voltage, 0.001),
            ),
        )
