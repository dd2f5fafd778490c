"""What the rest of the simulator asks of a device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from simulator.battery import Battery
from simulator.encoders.truth import Report
from simulator.scenario.model import PointSpec, SiteSpec

Sample = Callable[[float, float], Report]
"""(seconds since 1970, seconds since the report before) -> what it reports."""


class Sensor(NamedTuple):
    """How to ask a device for its reports; `next_change` gives when it next has something to tell at once."""

    sample: Sample
    next_change: Callable[[float], float] | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A device where it is: its place and point, its address, its own seed."""

    site: SiteSpec
    point: PointSpec
    dev_eui: str
    seed: int
    installed: float  # since when, seconds since 1970
    battery: Battery

    def left(self, t: float) -> float:
        """Share of the battery left, 1 new to 0 empty."""
        return self.battery.left(t)

    def percent(self, t: float) -> int:
        """The same as the whole percent a device tells."""
        return round(100 * self.battery.left(t))
