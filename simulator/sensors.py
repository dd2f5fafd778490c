"""The devices of a scenario, ready to be asked for payloads."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from simulator.battery import battery
from simulator.noise import seed_of
from simulator.samplers import Sampler, sampler
from simulator.scenario.model import PointSpec, Scenario, SiteSpec
from simulator.signals.rooms import OutdoorParticles
from simulator.signals.weather import Weather

# First bytes of the addresses the makers use; the rest is derived, so that no list has to be kept.
_EUI_PREFIX = {
    "milesight/am300": "24e124710d",
    "milesight/em400": "24e124713e",
    "elsys/ers": "a81758fffe",
    "decentlab/dl-zn1": "70b3d57ba0",
    "axioma/qalcosonic-w1": "8c8306070d",
}


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the scenario, ready to be asked for payloads."""

    dev_eui: str
    name: str
    site: SiteSpec
    point: PointSpec
    seed: int
    sample: Sampler

    def battery(self, t: float) -> float:
        """Share of the battery left, 1 new to 0 empty."""
        age = t - self.point.device.installed_at.timestamp()
        return battery(self.point.device.model, self.seed, age)


def dev_eui_of(scenario: Scenario, site: SiteSpec, point: PointSpec) -> str:
    """The DevEUI given, or one that depends on the names alone (another seed keeps it)."""
    if point.device.dev_eui is not None:
        return point.device.dev_eui
    prefix = _EUI_PREFIX[point.device.model]
    text = "\x1f".join((scenario.scenario, site.name, point.name, point.device.channel))
    return prefix + blake2b(text.encode(), digest_size=8).hexdigest()[: 16 - len(prefix)]


def build(scenario: Scenario, seed: int) -> list[Device]:
    """Every device of a scenario, in the order of the file, sharing one weather."""
    gateway = scenario.gateways[0]
    weather = Weather(seed_of(seed, "weather"), gateway.latitude, gateway.longitude, gateway.altitude)
    particles = OutdoorParticles(weather, seed_of(seed, "weather"))
    devices: list[Device] = []
    for site in scenario.sites:
        for point in site.points:
            dev_eui = dev_eui_of(scenario, site, point)
            own = seed_of(seed, dev_eui)
            model = point.device.model
            name = f"{model.rpartition('/')[2].upper()}-{dev_eui[-4:].upper()}"
            sample = sampler(site, point, dev_eui, own, weather, particles)
            devices.append(Device(dev_eui, name, site, point, own, sample))
    return devices
