"""The devices of a scenario, ready to be asked for payloads."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import TypeVar

from simulator.battery import Battery
from simulator.catalogue import MODELS
from simulator.encoders.truth import Payload, Report
from simulator.noise import seed_of
from simulator.sampling import indoors, metering, outdoors, waste
from simulator.sampling.sensor import Fitted, Sensor
from simulator.sampling.world import World
from simulator.scenario.model import PointSpec, Scenario, SiteSpec

Spec = TypeVar("Spec")


class Device:
    """A device of the scenario. What it looks at is set up when it is first asked."""

    __slots__ = ("_battery", "_sensor", "_world", "dev_eui", "installed_at", "name", "point", "seed", "site")

    def __init__(self, dev_eui: str, site: SiteSpec, point: PointSpec, seed: int, world: World) -> None:
        self.dev_eui = dev_eui
        self.site = site
        self.point = point
        self.seed = seed
        self.name = name_of(point.device.model, dev_eui)
        self.installed_at = point.device.installed_at.timestamp()
        self._battery = Battery(point.device.model, seed, self.installed_at)
        self._world = world
        self._sensor: Sensor | None = None

    def _set_up(self) -> Sensor:
        fitted = Fitted(self.site, self.point, self.dev_eui, self.seed, self.installed_at, self._battery)
        self._sensor = sensor(fitted, self._world)
        return self._sensor

    def report(self, t: float, since: float) -> Report:
        """What it says at `t` (seconds since 1970), `since` seconds after its report before."""
        return (self._sensor or self._set_up()).sample(t, since)

    def sample(self, t: float, since: float) -> Payload:
        """The same as it is sent."""
        return self.report(t, since).encode()

    @property
    def tells_changes(self) -> bool:
        """Whether it sends at once when what it looks at changes."""
        return MODELS[self.point.device.model].tells_changes

    def next_change(self, t: float) -> float:
        """The first moment after `t` it has something to tell; infinity for what reports by the clock alone."""
        asked = (self._sensor or self._set_up()).next_change
        return float("inf") if asked is None else asked(t)

    def battery(self, t: float) -> float:
        """Share of the battery left, 1 new to 0 empty."""
        return self._battery.left(t)


def sensor(fitted: Fitted, world: World) -> Sensor:
    """How to ask the device of a point for its payloads."""
    point = fitted.point

    def of(spec: Spec | None, made: Callable[[Spec, Fitted, World], Sensor]) -> Sensor | None:
        return None if spec is None else made(spec, fitted, world)

    found = (
        of(point.room, indoors.room)
        or of(point.cellar, indoors.cellar)
        or of(point.container, waste.container)
        or of(point.entrance, waste.entrance)
        or of(point.gate, waste.gate)
        or of(point.meter, metering.meter)
        or of(point.supply, metering.supply)
        or of(point.tree, outdoors.tree)
        or of(point.street, outdoors.street)
        or of(point.sky, outdoors.sky)
        or of(point.ground, outdoors.ground)
        or of(point.bay, outdoors.bay)
    )
    if found is not None:
        return found
    raise AssertionError(f"the scenario reader let {point.name!r} through without anything to look at")


def dev_eui_of(scenario: Scenario, site: SiteSpec, point: PointSpec) -> str:
    """The DevEUI given, or one that depends on the names alone (another seed keeps it)."""
    if point.device.dev_eui is not None:
        return point.device.dev_eui
    prefix = MODELS[point.device.model].eui_prefix
    text = "\x1f".join((scenario.scenario, site.name, point.name, point.device.channel))
    return prefix + blake2b(text.encode(), digest_size=8).hexdigest()[: 16 - len(prefix)]


def name_of(model: str, dev_eui: str) -> str:
    """What the LNS calls a device."""
    return f"{model.rpartition('/')[2].upper()}-{dev_eui[-4:].upper()}"


def build(scenario: Scenario, seed: int) -> list[Device]:
    """Every device of a scenario, in the order of the file, sharing one weather."""
    gateway = scenario.gateways[0]
    world = World(seed, gateway.latitude, gateway.longitude, gateway.altitude)
    devices: list[Device] = []
    for site in scenario.sites:
        for point in site.points:
            dev_eui = dev_eui_of(scenario, site, point)
            devices.append(Device(dev_eui, site, point, seed_of(seed, dev_eui), world))
    return devices
