"""Dragino LSE01 soil probe, f_port 2, big-endian, with a DS18B20 in the air beside it.

Source: the vendor's user manual: battery mV (14 bits), DS18B20 in 0.1 Cel, water in 0.01 %, soil in 0.01 Cel (below
zero the word minus 0xFFFF, the manual's own formula), uS/cm, interrupt and sensor flags.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from simulator.encoders.truth import Payload, Truth, nearest

F_PORT = 2


@dataclass(frozen=True, slots=True)
class Lse01:
    """One report: V, Cel of the air, volumetric water %, Cel of the soil, uS/cm, flags of the first and last field."""

    battery_voltage: float
    air_temperature: float
    moisture: float
    soil_temperature: float
    conductivity: float
    battery_flags: int = 0
    flags: int = 0x10

    def encode(self) -> Payload:
        """The 11 bytes, with what they mean."""
        soil = nearest(self.soil_temperature, 0.01, -4000, 8500)
        data = struct.pack(
            ">HhHHHB",
            self.battery_flags << 14 | nearest(self.battery_voltage, 0.001, 0, 0x3FFF),
            nearest(self.air_temperature, 0.1, -550, 1250),
            nearest(self.moisture, 0.01, 0, 10000),
            soil if soil >= 0 else soil + 0xFFFF,
            nearest(self.conductivity, 1, 0, 65535),
            self.flags,
        )
        return Payload(
            F_PORT,
            data,
            (
                Truth("battery_voltage", self.battery_voltage, 0.001),
                Truth("air_temperature", self.air_temperature, 0.1, "ds18b20"),
                Truth("soil_moisture_vwc", self.moisture, 0.01),
                Truth("soil_temperature", self.soil_temperature, 0.01),
                Truth("soil_ec", self.conductivity, 1.0),
            ),
        )
