"""Fludia FM432, message T1 (0x69): the index and the increments of the last steps, big-endian, f_port 129.

Source: the vendor's user guide of the FM432: type, step in minutes, u32 index, then one u16 per step, oldest first.
The index is that of the whole minute of sending; the indexes before follow from the increments.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

from simulator.encoders.truth import Payload, Truth

F_PORT = 129
_T1 = 0x69


@dataclass(frozen=True, slots=True)
class Fm432:
    """Indexes (pulses, or Wh of an electricity meter) at the end of each step, oldest first; `time` is the last's."""

    time: int
    step_minutes: int
    indexes: tuple[int, ...]

    def encode(self) -> Payload:
        """The message, with each index and its time."""
        indexes = self.indexes
        steps = [later - earlier for earlier, later in pairwise(indexes)]
        data = struct.pack(f">BBI{len(steps)}H", _T1, self.step_minutes, indexes[-1], *steps)
        step, count = self.step_minutes * 60, len(indexes)
        truths = tuple(
            Truth("pulse_count_total", float(index), 0.0, at=(self.time - step * (count - 1 - i)) * 1_000_000)
            for i, index in enumerate(indexes)
        )
        return Payload(F_PORT, data, truths)
