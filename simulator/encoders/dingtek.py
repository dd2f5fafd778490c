"""Dingtek DF702 / DF703 bin level, f_port 3, big-endian, without position.

Source: the vendor's user manual and codec: 0x80, 00 01, packet type 01, length 0x11, distance in mm, sign and
temperature in Cel, sign and angle, alarms in nibbles (full, fire; tilt, battery), frame counter, 0x81. A sign byte
of 0 means plus; of a temperature below zero neither says how it is written, so it is a signed byte, as firmwares do.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from simulator.encoders.truth import Payload, Truth, nearest

F_PORT = 3
_FRAME = struct.Struct(">BHBBHBbBBBBHBB")


@dataclass(frozen=True, slots=True)
class Df702:
    """One heartbeat: mm to the surface, Cel, degrees from upright, four alarms."""

    distance: float
    temperature: float
    angle: int
    full: bool
    fire: bool
    tilted: bool
    battery_low: bool
    frame_counter: int

    def encode(self) -> Payload:
        """The 17 bytes, with what they mean."""
        data = _FRAME.pack(
            *(0x80, 1, 0x01, 0x11),
            nearest(self.distance, 1, 0, 65535),
            0,
            nearest(self.temperature, 1, -40, 127),
            0,
            self.angle,
            self.full << 4 | self.fire,
            self.tilted << 4 | self.battery_low,
            self.frame_counter & 0xFFFF,
            *(0, 0x81),
        )
        return Payload(
            F_PORT,
            data,
            (
                Truth("distance", self.distance, 1.0),
                Truth("air_temperature", self.temperature, 1.0),
                Truth("tilt_angle", float(self.angle), 0.0),
                Truth("full_alarm", float(self.full), 0.0),
                Truth("fire_alarm", float(self.fire), 0.0),
                Truth("tilt_alarm", float(self.tilted), 0.0),
                Truth("battery_low", float(self.battery_low), 0.0),
            ),
        )
