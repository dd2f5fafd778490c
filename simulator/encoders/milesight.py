"""Milesight's channel-type-value payloads, little-endian, f_port 85.

Source: payload definitions of the AM300 series and of the EM400 series in the vendor's user guides.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.encoders.truth import Payload, Truth, nearest

F_PORT = 85


@dataclass(frozen=True, slots=True)
class Am300:
    """One report of an AM307 / AM308: Cel, %RH, PIR, light level 0-5, ppm, IAQ index, hPa, ug/m3, battery %."""

    temperature: float
    humidity: float
    motion: bool
    light_level: int
    co2: float
    tvoc_index: float
    pressure: float
    pm2_5: float | None = None
    pm10: float | None = None
    battery: int | None = None

    def encode(self) -> Payload:
        """Bytes in the vendor's order, with what they mean."""
        temperature = nearest(self.temperature, 0.1, -32768, 32767) & 0xFFFF
        humidity = nearest(self.humidity, 0.5, 0, 200)
        co2 = nearest(self.co2, 1, 0, 65535)
        pressure = nearest(self.pressure, 0.1, 0, 65535)
        data = b"\x03\x67%b\x04\x68%c\x05\x00%c\x06\xcb%c\x07\x7d%b\x08\x7d%b\x09\x73%b" % (
            temperature.to_bytes(2, "little"),
            humidity,
            self.motion,
            self.light_level,
            co2.to_bytes(2, "little"),
            nearest(self.tvoc_index, 0.01, 0, 65535).to_bytes(2, "little"),
            pressure.to_bytes(2, "little"),
        )
        truths = [
            Truth("air_temperature", self.temperature, 0.1),
            Truth("relative_humidity", self.humidity, 0.5),
            Truth("motion", float(self.motion), 0.0),
            Truth("light_level", float(self.light_level), 0.0),
            Truth("co2", self.co2, 1.0),
            Truth("tvoc_index", self.tvoc_index, 0.01),
            Truth("air_pressure", self.pressure, 0.1),
        ]
        if self.pm2_5 is not None:
            data += b"\x0b\x7d" + nearest(self.pm2_5, 1, 0, 65535).to_bytes(2, "little")
            truths.append(Truth("pm2_5", self.pm2_5, 1.0))
        if self.pm10 is not None:
            data += b"\x0c\x7d" + nearest(self.pm10, 1, 0, 65535).to_bytes(2, "little")
            truths.append(Truth("pm10", self.pm10, 1.0))
        if self.battery is not None:
            data += b"\x01\x75%c" % self.battery
            truths.append(Truth("battery_level", float(self.battery), 0.0))
        return Payload(F_PORT, data, tuple(truths))


@dataclass(frozen=True, slots=True)
class Em400:
    """One report of an EM400-TLD / -MUD / -UDL: battery %, Cel under the lid, mm to the surface, tilted or not."""

    battery: int
    temperature: float
    distance: float
    tilted: bool

    def encode(self) -> Payload:
        """Bytes in the vendor's order, with what they mean."""
        data = b"\x01\x75%c\x03\x67%b\x04\x82%b\x05\x00%c" % (
            self.battery,
            (nearest(self.temperature, 0.1, -32768, 32767) & 0xFFFF).to_bytes(2, "little"),
            nearest(self.distance, 1, 0, 65534).to_bytes(2, "little"),
            self.tilted,
        )
        return Payload(
            F_PORT,
            data,
            (
                Truth("battery_level", float(self.battery), 0.0),
                Truth("air_temperature", self.temperature, 0.1),
                Truth("distance", self.distance, 1.0),
                Truth("tilt_alarm", float(self.tilted), 0.0),
            ),
        )
