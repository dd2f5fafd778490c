"""ELSYS type-value payloads, big-endian, f_port 5. Source: the vendor's sensor payload document."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from simulator.encoders.truth import Payload, Truth, nearest

F_PORT = 5


@dataclass(frozen=True, slots=True)
class Ers:
    """One report of an ERS of the CO2 family: Cel, %RH, lx, movements since the last report, ppm, V."""

    temperature: float
    humidity: float
    light: float | None = None
    motion_count: int | None = None
    co2: float | None = None
    battery_voltage: float | None = None

    def encode(self) -> Payload:
        """Bytes in the vendor's order, with what they mean."""
        data = struct.pack(
            ">BhBB", 0x01, nearest(self.temperature, 0.1, -32768, 32767), 0x02, nearest(self.humidity, 1, 0, 100)
        )
        truths = [
            Truth("air_temperature", self.temperature, 0.1),
            Truth("relative_humidity", self.humidity, 1.0),
        ]
        if self.light is not None:
            data += struct.pack(">BH", 0x04, nearest(self.light, 1, 0, 65535))
            truths.append(Truth("illuminance", self.light, 1.0))
        if self.motion_count is not None:
            data += struct.pack(">BB", 0x05, min(255, self.motion_count))
            truths.append(Truth("motion_count", float(min(255, self.motion_count)), 0.0))
        if self.co2 is not None:
            data += struct.pack(">BH", 0x06, nearest(self.co2, 1, 0, 65535))
            truths.append(Truth("co2", self.co2, 1.0))
        if self.battery_voltage is not None:
            data += struct.pack(">BH", 0x07, nearest(self.battery_voltage, 0.001, 0, 65535))
            truths.append(Truth("battery_voltage", self.battery_voltage, 0.001))
        return Payload(F_PORT, data, tuple(truths))
