"""What befalls one device: asked by the network for every frame, keeps what marks need to know of the frame before."""

from __future__ import annotations

from typing import NamedTuple

from simulator.encoders.truth import Truth
from simulator.faults.marks import Mark
from simulator.faults.payload import strikes
from simulator.faults.plan import Happening, Plan
from simulator.faults.sensor import marks
from simulator.radio import Reception
from simulator.scenario.faults import FaultName
from simulator.sensors import Device

_HOUR = 3_600_000_000
_ALONE = frozenset({"payload", "clock", "wire", "server"})
_SPEECHLESS: frozenset[FaultName] = frozenset({"silent", "power_cut"})
_MINUTE = 60_000_000


class _Good(NamedTuple):
    at: int
    values: dict[tuple[str, str], float]


class Trouble:
    """The happenings of one device."""

    __slots__ = ("_before", "_device", "_happenings", "_plan", "_seed")

    def __init__(self, plan: Plan, device: Device) -> None:
        self._plan = plan
        self._device = device
        self._seed = device.seed
        self._happenings = plan.of(device)
        self._before: _Good | None = None

    def speechless(self, at: int) -> bool:
        """Whether the device cannot send."""
        return any(
            (h.fault in _SPEECHLESS and h.lasts(at)) or (h.fault == "dying" and at >= h.end) for h in self._happenings
        )

    def boots(self) -> list[tuple[int, str]]:
        """Moments at which it starts anew, and how: `join`, or `reset` of its counter alone."""
        found: list[tuple[int, str]] = []
        for happening in self._happenings:
            some = (self._seed >> 7) % _MINUTE
            if happening.fault in {"power_cut", "counter_refused"}:
                found.append((happening.end + some, "join"))
            if happening.fault == "rejoin":
                found.append((happening.start + some, "join"))
            if happening.fault in {"counter_reset", "counter_refused"}:
                found.append((happening.start, "reset"))
        return found

    def heard(self, receptions: list[Reception], at: int) -> list[Reception]:
        """Without the gateways that are dead."""
        dead = {gateway for gateway, happening in self._plan.dead_gateways if happening.lasts(at)}
        return [reception for reception in receptions if reception.gateway not in dead] if dead else receptions

    def strikes(self, at: int) -> tuple[Happening, ...]:
        """What strikes a report: any number of faults of the sensor, and at most one of all others."""
        model = self._device.point.device.model
        found = [h for h in self._happenings if h.strikes(self._seed, at) and strikes(h.fault, model)]
        alone = [h for h in found if h.family in _ALONE or h.fault == "counter_refused"]
        kept = [h for h in found if h.family == "sensor"]
        # Nothing moves a value that stands still.
        kept = [h for h in kept if h.fault == "stuck"] or kept
        # What the server refuses has no other fate, whatever else may happen to it.
        alone.sort(key=lambda h: h.fault != "counter_refused")
        return (*kept, *alone[:1])

    def left(self, at: int, share: float) -> float:
        """What a dying battery has left of its share."""
        for happening in self._happenings:
            if happening.fault == "dying":
                share *= 1.0 - happening.progress(at) ** 2
        return share

    def marks(self, truths: tuple[Truth, ...], at: int, struck: tuple[Happening, ...]) -> tuple[Mark, ...]:
        """Flags that must be raised on a report that arrives in its turn.

        A later report published at QoS 0 may overtake those that wait in the broker's queue, by hours in a history;
        what is told from the values before is demanded of no device that has such reports to come.
        """
        if any(happening.fault == "qos0" and at < happening.end for happening in self._happenings):
            struck = tuple(happening for happening in struck if happening.fault == "self_diagnosed")
        good = self._before
        known = good.values if good is not None and at - good.at < _HOUR - _MINUTE else None
        interval = self._device.point.device.interval * 1_000_000
        return marks(truths, known, at, interval, struck)

    def passed(self, at: int, truths: tuple[Truth, ...], *, good: bool) -> None:
        """A report left; `good`: in its turn, readable, and with values that no one doubts."""
        self._before = _Good(at, {(t.quantity, t.channel): t.value for t in truths}) if good else None
