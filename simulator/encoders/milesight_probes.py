"""Milesight's leak and soil probes, little-endian, f_port 85.

Source: payload definitions of the EM300-SLD / EM300-ZLD and of the EM500-SMTC in the vendor's user guides.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.encoders.truth import Payload, Truth, nearest

F_PORT = 85
_NO_MEASUREMENT = frozenset({0xFFFF, 0xFFFD})


@dataclass(frozen=True, slots=True)
class Em300Leak:
    """One report of an EM300-SLD / -ZLD: battery %, Cel, %RH, water on the rope or spot or not."""

    battery: int
    temperature: float
    humidity: float
    leaking: bool

    def encode(self) -> Payload:
        """Bytes in the vendor's order, with what they mean."""
        data = b"\x01\x75%c\x03\x67%b\x04\x68%c\x05\x00%c" % (
            self.battery,
            (nearest(self.temperature, 0.1, -32768, 32767) & 0xFFFF).to_bytes(2, "little"),
            nearest(self.humidity, 0.5, 0, 200),
            self.leaking,
        )
        return Payload(
            F_PORT,
            data,
            (
                Truth("battery_level", float(self.battery), 0.0),
                Truth("air_temperature", self.temperature, 0.1),
                Truth("relative_humidity", self.humidity, 0.5),
                Truth("water_leak", float(self.leaking), 0.0),
            ),
        )


@dataclass(frozen=True, slots=True)
class Em500Smtc:
    """One report of an EM500-SMTC: battery %, soil Cel, volumetric water %, uS/cm."""

    battery: int
    temperature: float
    moisture: float
    conductivity: float

    def encode(self) -> Payload:
        """Bytes in the vendor's order, with what they mean.

        The words 0xFFFF and 0xFFFD stand for a failed and an overdriven probe, so -0.1 and -0.3 Cel become their
        neighbours 0.0 and -0.2.
        """
        word = nearest(self.temperature, 0.1, -32768, 32767) & 0xFFFF
        taken = word in _NO_MEASUREMENT
        data = b"\x01\x75%c\x03\x67%b\x04\x68%c\x05\x7f%b" % (
            self.battery,
            (word + taken & 0xFFFF).to_bytes(2, "little"),
            nearest(self.moisture, 0.5, 0, 200),
            nearest(self.conductivity, 1, 0, 65535).to_bytes(2, "little"),
        )
        return Payload(
            F_PORT,
            data,
            (
                Truth("battery_level", float(self.battery), 0.0),
                Truth("soil_temperature", self.temperature, 0.3 if taken else 0.1),
                Truth("soil_moisture_vwc", self.moisture, 0.5),
                Truth("soil_ec", self.conductivity, 1.0),
            ),
        )
