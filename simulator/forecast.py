"""How many events a stretch of simulated time will be, before it is simulated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from simulator.scenario.faults import FaultSpec
from simulator.sensors import Device

_DAY = 86400.0
_ASKED = 12  # devices of a kind that tells changes
_DAYS_ASKED = 14.0


def forecast(devices: Sequence[Device], faults: FaultSpec, start: float, end: float) -> int:
    """Publications from start to end (seconds since 1970), duplicates included, faults that happen apart.

    Reports by the clock and daily status are counted; what tells changes is asked for two weeks, a dozen of each model.
    """
    span = end - start
    if span <= 0:
        return 0
    reports, telling = 0.0, defaultdict[str, list[Device]](list)
    for device in devices:
        lasts = max(0.0, end - max(start, device.installed_at))
        reports += lasts / device.point.device.interval + lasts / _DAY
        if device.tells_changes and lasts:
            telling[device.point.device.model].append(device)
    for those in telling.values():
        asked = those[:: max(1, len(those) // _ASKED)]
        told = sum(_changes(device, start) for device in asked) / len(asked)
        reports += told * len(those) * span / _DAY
    return int(reports * (1.0 - faults.loss_rate) * (1.0 + faults.duplicate_rate))


def _changes(device: Device, start: float) -> float:
    """Changes a day."""
    count, at = 0, start
    while (at := device.next_change(at)) < start + _DAYS_ASKED * _DAY:
        count += 1
    return count / _DAYS_ASKED
