"""Sensors that err, and what a store must notice of it.

A report is altered field by field before it is encoded, so the manifest holds what the sensor said.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from simulator.encoders.axioma import W1
from simulator.encoders.decentlab_groups import Isf
from simulator.encoders.truth import Payload, Report, Truth
from simulator.faults.marks import DEVICE_ERROR, SPIKE, SPIKE_STEP, STUCK, STUCK_HOURS, Mark
from simulator.faults.plan import Happening
from simulator.sensors import Device

_SECOND = 1_000_000
_HOUR = 3600 * _SECOND
_DAY = 24 * _HOUR
_JUMP = {"temperature": 25.0, "position": 6000.0}
_TURN = {"temperature": 35.0, "position": 3000.0}  # above these it jumps down
_HOT = 120.0
_EMPTY_VOLTS = 2.0
_RECORDS_KEPT, _SURPLUS = 8, 300


def sampled(device: Device, at: int, since: int, struck: tuple[Happening, ...]) -> Payload:
    """What the device sends at `at`, `since` its report before (both microseconds)."""
    for happening in struck:
        if happening.fault == "stuck":
            at, since = happening.start, device.point.device.interval * _SECOND
    report = device.report(at / _SECOND, since / _SECOND)
    for happening in struck:
        report = _altered(report, happening, at)
    return report.encode()


def _altered(report: Report, happening: Happening, at: int) -> Report:
    names = {field.name for field in fields(cast("Any", report))} if is_dataclass(report) else set[str]()
    match happening.fault:
        case "spiking":
            for name in _JUMP:
                if name in names:
                    now: float = getattr(report, name)
                    return _with(report, **{name: now + (-_JUMP[name] if now > _TURN[name] else _JUMP[name])})
        case "drifting" if "temperature" in names:
            now = getattr(report, "temperature")  # noqa: B009  a report of any model
            return _with(report, temperature=now + happening.size * (at - happening.start) / _DAY)
        case "impossible" if "temperature" in names:
            return _with(report, temperature=_HOT)
        case "dying":
            return _drained(report, 1.0 - happening.progress(at) ** 2)
        case "self_diagnosed" if isinstance(report, Isf):
            return replace(report, diagnostic=(0x0200, 0))
        case "conflicting" if isinstance(report, W1):
            kept, later = report.hourly_litres[:_RECORDS_KEPT], report.hourly_litres[_RECORDS_KEPT:]
            return replace(
                report,
                hourly_litres=kept + tuple(litres + _SURPLUS for litres in later),
                litres=report.litres + _SURPLUS,
            )
        case _:
            pass
    return report


def _drained(report: Report, left: float) -> Report:
    battery: Any = getattr(report, "battery", None)
    volts: Any = getattr(report, "battery_voltage", None)
    if battery is not None:
        return _with(report, battery=round(battery * left))
    if volts is not None:
        return _with(report, battery_voltage=_EMPTY_VOLTS + (volts - _EMPTY_VOLTS) * left)
    return report


def _with(report: Report, **changes: object) -> Report:
    return cast("Report", replace(cast("Any", report), **changes))


def marks(
    truths: tuple[Truth, ...],
    before: dict[tuple[str, str], float] | None,
    at: int,
    interval: int,
    struck: tuple[Happening, ...],
) -> tuple[Mark, ...]:
    """Flags that must be raised on values of a report. `before`: those of the good report before, within the hour."""
    found: list[Mark] = []
    for happening in struck:
        if happening.fault == "self_diagnosed":
            found += [
                Mark(t.quantity, t.channel, DEVICE_ERROR) for t in truths if t.quantity in {"sap_flow", "heat_velocity"}
            ]
        elif happening.fault in {"spiking", "impossible"} and before is not None:
            for truth in truths:
                step, last = SPIKE_STEP.get(truth.quantity), before.get((truth.quantity, truth.channel))
                if step is not None and last is not None and abs(truth.value - last) > step + 2 * truth.resolution:
                    found.append(Mark(truth.quantity, truth.channel, SPIKE))
        elif happening.fault == "stuck":
            still = at - happening.start - 2 * interval - _SECOND * 300
            found += [
                Mark(t.quantity, t.channel, STUCK)
                for t in truths
                if t.at is None and still > STUCK_HOURS.get(t.quantity, 1e9) * _HOUR
            ]
    return tuple(found)
