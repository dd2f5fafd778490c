"""Decentlab protocol v2 for the DL-ZN1 point dendrometer, big-endian, f_port 1.

Source: the vendor's decoder: a 24-bit offset-binary position over 20,000 um, low word first, then millivolts.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from simulator.encoders.truth import Payload, Truth, nearest

F_PORT = 1
_HALF_SCALE = 1 << 23
POSITION_STEP = 20000.0 / _HALF_SCALE


@dataclass(frozen=True, slots=True)
class Zn1:
    """One report: the 16-bit device id, stem radius position in um, battery in V."""

    device_id: int
    position: float
    battery_voltage: float

    def encode(self) -> Payload:
        """Bytes in the vendor's order, with what they mean."""
        raw = _HALF_SCALE + nearest(self.position, POSITION_STEP, -_HALF_SCALE, _HALF_SCALE - 1)
        data = struct.pack(
            ">BHHHHH",
            2,
            self.device_id,
            0b11,
            raw & 0xFFFF,
            raw >> 16,
            nearest(self.battery_voltage, 0.001, 0, 65535),
        )
        return Payload(
            F_PORT,
            data,
            (
                Truth("stem_displacement", self.position, POSITION_STEP),
                Truth("battery_voltage", self.battery_voltage, 0.001),
            ),
        )
