"""Gathering what a frame says while it is read."""

import math
from datetime import datetime

from decoders.frame import Decoded, DecodeError, InfoValue, Reason, Value


class Collector:
    """Values, info and warnings of one frame.

    When a frame gives the same quantity twice for one channel and time (a report and the alarm that
    triggered it), the later one counts.
    """

    __slots__ = ("_values", "info", "warnings")

    def __init__(self) -> None:
        self._values: dict[tuple[str, str, datetime | None], Value] = {}
        self.info: dict[str, InfoValue] = {}
        self.warnings: list[str] = []

    def add(
        self,
        quantity: str,
        value: float,
        channel: str = "",
        measured_at: datetime | None = None,
        *,
        device_error: bool = False,
    ) -> None:
        """Take one value; NaN and infinities become a warning instead."""
        if not math.isfinite(value):
            self.warn(f"{label(quantity, channel)}: not a number")
            return
        self._values[quantity, channel, measured_at] = Value(quantity, float(value), channel, measured_at, device_error)

    def warn(self, text: str) -> None:
        """Note what a person should know about this frame."""
        self.warnings.append(text)

    def absent(self, quantity: str, channel: str = "", why: str = "no sensor or no measurement") -> None:
        """Note a value which the device declares absent: it becomes no reading."""
        self.warn(f"{label(quantity, channel)}: {why}")

    def has(self, quantity: str, channel: str = "", measured_at: datetime | None = None) -> bool:
        """Whether that value was taken already."""
        return (quantity, channel, measured_at) in self._values

    @property
    def empty(self) -> bool:
        """Nothing at all was understood so far."""
        return not (self._values or self.info or self.warnings)

    def done(self) -> Decoded:
        """What the frame said; raises `empty_frame` when that is nothing."""
        if self.empty:
            raise DecodeError(Reason.EMPTY_FRAME, "the frame holds no measurement and no information")
        return Decoded(tuple(self._values.values()), self.info, tuple(self.warnings))

    def broken_off(self, error: DecodeError) -> Decoded:
        """What was understood before the frame became unreadable, or the error when that is nothing."""
        if self.empty:
            raise error
        self.warn(f"{error.detail}; the rest of the frame was left out")
        return self.done()


def label(quantity: str, channel: str) -> str:
    """How a series is named in warnings."""
    return f"{quantity} ({channel})" if channel else quantity
