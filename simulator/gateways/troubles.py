"""Faults of a scenario where a network server listens: what befalls sensors, payloads, devices and gateways."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from simulator.encoders.truth import Payload
from simulator.faults.payload import spoiled
from simulator.faults.plan import Happening
from simulator.faults.sensor import sampled
from simulator.faults.trouble import Trouble
from simulator.message import Message
from simulator.scenario.faults import FAULT_NAMES, FaultName
from simulator.scenario.model import Scenario
from simulator.scenario.terms import Seconds
from simulator.sensors import Device
from simulator.station import SECOND

APPLIED = frozenset[str](
    {
        *("stuck", "spiking", "drifting", "dying", "impossible", "self_diagnosed", "conflicting"),
        *("truncated", "clipped", "foreign_payload", "wrong_port"),
        *("delayed", "repeated", "retransmitted"),
        *("silent", "dead_gateway", "power_cut", "rejoin", "counter_refused"),
    }
)
"""The others are a network server's own doing, or lie behind it."""
LONGEST_HOLD = 25 * SECOND  # what is later than this is dated by the server's clock
_ORDERLY = frozenset({"stuck", "drifting", "dying", "retransmitted", "repeated", "delayed"})


class Told(NamedTuple):
    """A payload as a device was given it. `readable`: whether a decoder can make something of it."""

    payload: Payload
    struck: tuple[Happening, ...]
    readable: bool

    def has(self, fault: FaultName) -> bool:
        """Whether that fault struck it."""
        return any(happening.fault == fault for happening in self.struck)


def paced(scenario: Scenario, faster: float) -> tuple[Scenario, tuple[FaultName, ...]]:
    """The scenario with the faults that apply, their times so many times as fast as the devices report; the others."""
    happen = scenario.faults.happen
    kept = tuple(
        replace(
            spec,
            after=Seconds(round(spec.after / faster)),
            lasts=None if spec.lasts is None else Seconds(max(1, round(spec.lasts / faster))),
        )
        for spec in happen
        if spec.fault in APPLIED
    )
    given = {spec.fault for spec in happen}
    left: list[FaultName] = [fault for fault in FAULT_NAMES if fault in given and fault not in APPLIED]
    return replace(scenario, faults=replace(scenario.faults, happen=kept)), tuple(left)


def told(trouble: Trouble | None, device: Device, at: int, since: int) -> Told:
    """What the device is given to send at `at`, `since` its report before (microseconds)."""
    struck = () if trouble is None else trouble.strikes(at)
    if not struck:
        return Told(device.sample(at / SECOND, since / SECOND), (), True)
    payload = sampled(device, at, since, struck)
    spoilt = next((happening for happening in struck if happening.family == "payload"), None)
    if spoilt is None:
        return Told(payload, struck, True)
    payload, readable = spoiled(spoilt.fault, payload, device.point.device.model)
    return Told(payload, struck, readable)


def mark(message: Message, what: Told, trouble: Trouble | None, at: int) -> None:
    """Writes down what was done to a frame that was heard, and what is to become of it."""
    faults = [happening.fault for happening in what.struck]
    message.fault = " ".join(faults) or None
    if not what.readable and message.declared:
        message.outcome = "refused"
    if trouble is not None:
        message.marks = trouble.marks(message.truths, at, what.struck)
        trouble.passed(at, message.truths, good=_ORDERLY.issuperset(faults))


def add(message: Message, fault: str) -> None:
    """One thing more was done to it."""
    message.fault = fault if message.fault is None else f"{message.fault} {fault}"
