"""Nexelec's fields of bits, highest first, with the marks that stand for "no measurement"."""

from collections.abc import Callable

from decoders.collector import Collector
from decoders.frame import DecodeError, Reason

MARKS = ("error", "sensor absent", "sensor switched off", "sensor at the end of its life")
"""What the highest values of a field mean, from its maximum down."""


class Fields:
    """A payload seen as one long number."""

    __slots__ = ("_number", "bits")

    def __init__(self, payload: bytes) -> None:
        self.bits = 8 * len(payload)
        self._number = int.from_bytes(payload, "big")

    def number(self, at: int, size: int) -> int:
        """The unsigned field of `size` bits that begins `at` bits from the start."""
        if at + size > self.bits:
            raise DecodeError(Reason.SHORT_FRAME, f"{size} bits wanted at bit {at}, the frame has {self.bits}")
        return self._number >> self.bits - at - size & (1 << size) - 1

    def measure(
        self,
        out: Collector,
        quantity: str,
        at: int,
        size: int,
        convert: Callable[[int], float] = float,
        marks: int = 3,
    ) -> None:
        """Take a field as a value, unless it is one of its `marks` highest values."""
        raw = self.number(at, size)
        below_maximum = (1 << size) - 1 - raw
        if below_maximum < marks:
            out.absent(quantity, why=MARKS[below_maximum])
        else:
            out.add(quantity, convert(raw))
