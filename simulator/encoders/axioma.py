"""Axioma Qalcosonic W1, regular frame on f_port 100, little-endian.

Source: the vendor's "LoRa payload W1": u32 time, u8 status, u32 volume in litres, u32 time of the first
hourly record, u32 its volume, then fifteen u16 hourly increments. Status: 0x04 low battery, 0x30 leakage.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

from simulator.encoders.truth import Payload, Truth

F_PORT = 100
HOURLY_RECORDS = 16
_LOW_BATTERY = 0x04
_LEAKAGE = 0x30
_FRAME = struct.Struct("<IBIII15H")


@dataclass(frozen=True, slots=True)
class W1:
    """The register now and at sixteen whole hours, in litres, and two alarms; times in seconds since 1970."""

    time: int
    battery_low: bool
    leaking: bool
    litres: int
    first_time: int
    hourly_litres: tuple[int, ...]

    def encode(self) -> Payload:
        """The 47 bytes, with seventeen timed volumes in m3 and the alarms at the time of the register.

        Raises:
            ValueError: not sixteen hourly volumes.
        """
        hourly = self.hourly_litres
        if len(hourly) != HOURLY_RECORDS:
            raise ValueError(f"a W1 frame holds {HOURLY_RECORDS} hourly volumes, not {len(hourly)}")
        steps = [later - earlier for earlier, later in pairwise(hourly)]
        status = (_LOW_BATTERY if self.battery_low else 0) | (_LEAKAGE if self.leaking else 0)
        data = _FRAME.pack(self.time, status, self.litres, self.first_time, hourly[0], *steps)
        now = self.time * 1_000_000
        truths = [
            Truth("water_volume_total", self.litres / 1000, 0.001, at=now),
            Truth("battery_low", float(self.battery_low), 0.0, at=now),
            Truth("water_leak", float(self.leaking), 0.0, at=now),
        ]
        truths += [
            Truth("water_volume_total", volume / 1000, 0.001, at=(self.first_time + 3600 * i) * 1_000_000)
            for i, volume in enumerate(hourly)
        ]
        return Payload(F_PORT, data, tuple(truths))
