"""How long a frame is on air, and how long a sub-band must then rest."""

from __future__ import annotations

import math
from collections import deque

_SECOND = 1_000_000
_HOUR = 3600 * _SECOND
_PREAMBLE = 8  # symbols, RP002 (EU863-870, preamble format)

# EU868: ERC Recommendation 70-03, annex 1, as LoRaMac-node's RegionEU868 has it: lowest and highest Hz, share of time.
SUB_BANDS = (
    (863_000_000, 865_000_000, 0.001),
    (865_000_000, 868_000_000, 0.01),
    (868_000_000, 868_600_000, 0.01),
    (868_700_000, 869_200_000, 0.001),
    (869_400_000, 869_650_000, 0.1),
    (869_700_000, 870_000_000, 0.01),
)


def airtime(size: int, spreading_factor: int, bandwidth: int = 125_000, *, crc: bool = True) -> int:
    """Microseconds on air of a PHYPayload of `size` bytes: explicit header, code rate 4/5.

    Semtech SX1276 data sheet, 4.1.1.6 and 4.1.1.7 (as in AN1200.13 "LoRa Modem Designer's Guide"). Low data rate
    optimisation from 16 ms a symbol on. Uplinks carry a CRC, downlinks do not (3.1, 3.2).
    """
    symbol = 2**spreading_factor / bandwidth
    optimised = 1 if symbol >= 0.016 else 0
    bits = 8 * size - 4 * spreading_factor + 28 + (16 if crc else 0)
    payload = 8 + max(math.ceil(bits / (4 * (spreading_factor - 2 * optimised))) * 5, 0)
    return round((_PREAMBLE + 4.25 + payload) * symbol * _SECOND)


def sub_band(frequency: int) -> int | None:
    """Index into `SUB_BANDS`; None where nothing may be sent."""
    for index, (low, high, _) in enumerate(SUB_BANDS):
        if low <= frequency <= high:
            return index
    return None


class OffTime:
    """A device's duty cycle: after each frame its sub-band rests so long that the share is kept at any time.

    `limit` is the aggregated share the network set by DutyCycleReq (5.3), over all sub-bands.
    """

    def __init__(self) -> None:
        self.limit = 1.0
        self._free_at = [0] * len(SUB_BANDS)
        self._all_free_at = 0

    def free_at(self, frequency: int) -> int | None:
        """The moment from which that frequency may be used; None: never."""
        band = sub_band(frequency)
        return None if band is None else max(self._free_at[band], self._all_free_at)

    def use(self, frequency: int, start: int, microseconds: int) -> None:
        """Accounts for a frame sent from `start` on."""
        band = sub_band(frequency)
        if band is not None:
            self._free_at[band] = start + math.ceil(microseconds / SUB_BANDS[band][2])
        self._all_free_at = start + math.ceil(microseconds / self.limit)


class HourlyBudget:
    """A gateway's duty cycle: each sub-band has its share of any hour (EN 300 220-1, 5.4: observed over one hour)."""

    def __init__(self) -> None:
        self._used: list[deque[tuple[int, int]]] = [deque() for _ in SUB_BANDS]

    def take(self, frequency: int, at: int, microseconds: int) -> bool:
        """Books a frame at `at`; False, and nothing booked, when the hour's share would be exceeded."""
        band = sub_band(frequency)
        if band is None:
            return False
        used = self._used[band]
        while used and used[0][0] <= at - _HOUR:
            used.popleft()
        if sum(each for _, each in used) + microseconds > SUB_BANDS[band][2] * _HOUR:
            return False
        used.append((at, microseconds))
        return True
