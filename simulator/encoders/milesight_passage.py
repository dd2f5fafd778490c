"""Milesight's door contact and people counter, little-endian, f_port 85.

Source: payload definitions of the WS301 and of the VS133 in the vendor's user guides.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from simulator.encoders.truth import Payload, Truth

F_PORT = 85
_LINE = struct.Struct("<BBIBBIBBHH")


@dataclass(frozen=True, slots=True)
class Ws301:
    """One report of a WS301: battery %, door open or not, taken off its wall or not."""

    battery: int
    door_open: bool
    tampered: bool

    def encode(self) -> Payload:
        """Bytes in the vendor's order, with what they mean."""
        return Payload(
            F_PORT,
            b"\x01\x75%c\x03\x00%c\x04\x00%c" % (self.battery, self.door_open, self.tampered),
            (
                Truth("battery_level", float(self.battery), 0.0),
                Truth("door_open", float(self.door_open), 0.0),
                Truth("tamper", float(self.tampered), 0.0),
            ),
        )


@dataclass(frozen=True, slots=True)
class Vs13x:
    """Line 1 of a VS133 / VS135: people in and out since it was fitted, and in its last period."""

    total_in: int
    total_out: int
    period_in: int
    period_out: int

    def encode(self) -> Payload:
        """Bytes in the vendor's order, with what they mean; counts of a period end at 65535."""
        came, left = min(65535, self.period_in), min(65535, self.period_out)
        data = _LINE.pack(0x03, 0xD2, self.total_in, 0x04, 0xD2, self.total_out, 0x05, 0xCC, came, left)
        return Payload(
            F_PORT,
            data,
            (
                Truth("people_in_total", float(self.total_in), 0.0, "1"),
                Truth("people_out_total", float(self.total_out), 0.0, "1"),
                Truth("people_in", float(came), 0.0, "1"),
                Truth("people_out", float(left), 0.0, "1"),
            ),
        )
