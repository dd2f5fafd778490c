"""Happenings of a scenario, resolved: which devices, from when to when (microseconds since 1970)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simulator.faults.registry import FAULTS, Family
from simulator.noise import seed_of, unit
from simulator.scenario.faults import FaultName, HappeningSpec
from simulator.scenario.model import Scenario
from simulator.sensors import Device

_SECOND = 1_000_000
_ENDLESS = 1 << 62
_OF_THE_NETWORK = frozenset({"dead_gateway", "chirpstack_restart", "backlog"})


@dataclass(frozen=True, slots=True)
class Happening:
    """A fault from `start` to before `end`; `by` in microseconds."""

    fault: FaultName
    family: Family
    start: int
    end: int
    rate: float
    by: int
    size: float
    seed: int

    def lasts(self, at: int) -> bool:
        """Whether it goes on at that moment."""
        return self.start <= at < self.end

    def strikes(self, seed: int, at: int) -> bool:
        """Whether it strikes what the device of that seed sends at that moment."""
        return self.start <= at < self.end and (self.rate >= 1 or unit(self.seed ^ seed, at) < self.rate)

    def progress(self, at: int) -> float:
        """Share of it that is over, 0 to 1."""
        return min(1.0, max(0.0, (at - self.start) / (self.end - self.start)))


class Plan:
    """What goes wrong in a run whose manifest begins at `began`."""

    def __init__(self, scenario: Scenario, seed: int, began: int) -> None:
        self._specs = [
            (spec, _resolved(spec, seed_of(seed, "happening", number, spec.fault), began))
            for number, spec in enumerate(scenario.faults.happen)
        ]
        index = {gateway.id: number for number, gateway in enumerate(scenario.gateways)}
        self.dead_gateways = tuple(
            (index[gateway], happening)
            for spec, happening in self._specs
            if spec.fault == "dead_gateway"
            for gateway in spec.gateways
        )
        self._restarts = tuple(found for spec, found in self._specs if spec.fault == "chirpstack_restart")
        self._backlogs = tuple(found for spec, found in self._specs if spec.fault == "backlog")

    def of(self, device: Device) -> tuple[Happening, ...]:
        """What befalls a device itself."""
        return tuple(
            happening
            for spec, happening in self._specs
            if spec.fault not in _OF_THE_NETWORK and _befalls(spec, happening, device)
        )

    def server_away(self, at: int) -> bool:
        """Whether the network server is down."""
        return any(happening.lasts(at) for happening in self._restarts)

    def held_until(self, at: int) -> int | None:
        """When what is heard at that moment reaches the broker; None: at once."""
        return next((happening.end for happening in self._backlogs if happening.lasts(at)), None)

    def described(self, devices: Sequence[Device]) -> Iterator[tuple[str, str, int, int | None]]:
        """(fault, whom, start, end) for the manifest; end is None for what never ends."""
        for spec, happening in self._specs:
            if spec.gateways:
                whom = " ".join(spec.gateways)
            elif spec.fault in _OF_THE_NETWORK:
                whom = "network server"
            else:
                whom = " ".join(device.dev_eui for device in devices if _befalls(spec, happening, device))
            yield spec.fault, whom, happening.start, None if happening.end == _ENDLESS else happening.end


def _resolved(spec: HappeningSpec, seed: int, began: int) -> Happening:
    facts = FAULTS[spec.fault]
    start = began + spec.after * _SECOND
    end = _ENDLESS if spec.lasts is None else start + spec.lasts * _SECOND
    by = facts.by if spec.by is None else spec.by
    size = facts.size if spec.size is None else spec.size
    return Happening(spec.fault, facts.family, start, end, spec.rate, by * _SECOND, size, seed)


def _befalls(spec: HappeningSpec, happening: Happening, device: Device) -> bool:
    if spec.points and device.point.name not in spec.points:
        return False
    if spec.models and device.point.device.model not in spec.models:
        return False
    return spec.share >= 1 or unit(happening.seed ^ device.seed, 0) < spec.share
