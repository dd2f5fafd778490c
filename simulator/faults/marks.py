"""Quality flags that a fault must raise, by their bits as docs/architecture.md lists them.

From which step and after how many hours a store must notice something is written down here once more: a test
compares these tables with the vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

SPIKE = 2
STUCK = 4
CLOCK_SUSPECT = 16
DEVICE_ERROR = 32

SPIKE_STEP = {
    "air_temperature": 15.0,
    "soil_temperature": 10.0,
    "stem_displacement": 5000.0,
}
STUCK_HOURS = {
    "air_pressure": 24,
    "air_temperature": 48,
    "relative_humidity": 72,
    "stem_displacement": 72,
    "soil_temperature": 120,
}


class Mark(NamedTuple):
    """Flags (bits) that a value of a message must carry."""

    quantity: str
    channel: str
    flags: int
