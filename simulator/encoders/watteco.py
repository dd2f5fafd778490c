"""Watteco's ZCL-like reports, big-endian, f_port 125: Pulse Sens'O (index of an input), Tic'O (Linky, standard mode).

Source: the vendor's application layer: fctrl byte with the end point in bits 7-5, 0x0A report, cluster, attribute,
type, value. Cluster 0x000F attribute 0x0402 is the index of an input (u32). Cluster 0x0056 attribute 0x0100 is the
customer information output in standard mode: byte string, descriptor (0x20 | length, then the numbers of the labels)
and the labels packed: 2 DATE (season letter, year, month, day, h, min, s), 5 EAST (u32 Wh), 33 SINSTS (u24 VA), 20
EAIT (u32 Wh). Meaning of the labels: Enedis-NOI-CPT_54E.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime

from simulator.encoders.truth import Payload, Truth

F_PORT = 125
_INDEX = struct.Struct(">BBHHBI")


@dataclass(frozen=True, slots=True)
class PulseIndex:
    """The index of one input (1 to 3) of a Pulse Sens'O, and what the meter whose pulses it counts has counted."""

    entry: int
    index: int
    counted: Truth | None = None

    def encode(self) -> Payload:
        """The 11 bytes, with what they mean."""
        data = _INDEX.pack((self.entry - 1) << 5 | 0x11, 0x0A, 0x000F, 0x0402, 0x23, self.index)
        truth = Truth("pulse_count_total", float(self.index), 0.0, str(self.entry))
        return Payload(F_PORT, data, (truth,), () if self.counted is None else (self.counted,))


@dataclass(frozen=True, slots=True)
class Linky:
    """A report of a Tic'O: the meter's legal time, Wh drawn, and VA drawn or Wh fed in when they are configured."""

    date: datetime
    drawn: int
    apparent_power: int | None = None
    fed: int | None = None

    def encode(self) -> Payload:
        """Bytes in the order of the labels' numbers, with what they mean."""
        date, labels = self.date, bytearray((2, 5))
        season = 0x45 if date.dst() else 0x48  # É(té), H(iver)
        values = struct.pack(
            ">7BI", season, date.year % 100, date.month, date.day, date.hour, date.minute, date.second, self.drawn
        )
        truths = [Truth("energy_active_total", self.drawn / 1000, 0.001, "EAST")]
        if self.fed is not None:
            labels.append(20)
            values += struct.pack(">I", self.fed)
            truths.append(Truth("energy_active_total", self.fed / 1000, 0.001, "EAIT"))
        if self.apparent_power is not None:
            labels.append(33)
            values += self.apparent_power.to_bytes(3, "big")
            truths.append(Truth("power_apparent", float(self.apparent_power), 1.0, "SINSTS"))
        body = bytes((0x20 | len(labels) + 1,)) + labels + values
        data = struct.pack(">BBHHBB", 0x11, 0x0A, 0x0056, 0x0100, 0x41, len(body)) + body
        return Payload(F_PORT, data, tuple(truths))
