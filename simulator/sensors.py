"""Devices: what one looks at, what it is worth as a payload at a moment, and how its battery fares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

from simulator.encoders.axioma import HOURLY_RECORDS, W1
from simulator.encoders.decentlab import Zn1
from simulator.encoders.elsys import Ers
from simulator.encoders.milesight import Am300, Em400
from simulator.encoders.truth import Payload
from simulator.noise import seed_of, unit
from simulator.scenario.model import ContainerSpec, MeterSpec, PointSpec, RoomSpec, Scenario, SiteSpec, TreeSpec
from simulator.signals.bins import BinFill, Container
from simulator.signals.meters import Meter, WaterVolume
from simulator.signals.rooms import OutdoorParticles, Room, RoomAir
from simulator.signals.trees import StemRadius, Tree
from simulator.signals.weather import Weather

# First bytes of the addresses the makers use; the rest is derived, so that no list has to be kept.
_EUI_PREFIX = {
    "milesight/am300": "24e124710d",
    "milesight/em400": "24e124713e",
    "elsys/ers": "a81758fffe",
    "decentlab/dl-zn1": "70b3d57ba0",
    "axioma/qalcosonic-w1": "8c8306070d",
}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LIFE_SECONDS = {
    "milesight/am300": 3.5 * 365 * 86400,
    "milesight/em400": 8 * 365 * 86400,
    "elsys/ers": 6 * 365 * 86400,
    "decentlab/dl-zn1": 7 * 365 * 86400,
    "axioma/qalcosonic-w1": 14 * 365 * 86400,
}
# The meter calls it a leak when every hour of a day draws at least so much.
_LEAK_HOURS, _LEAK_LITRES = 24, 8
# (seconds since 1970, seconds since the report before) -> payload
Sampler = Callable[[float, float], Payload]


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


def battery(model: str, seed: int, age: float) -> float:
    """Share left after `age` seconds; makers' figures for the life, ±15 % per piece, a flat curve with a knee."""
    used = max(0.0, age) / (_LIFE_SECONDS[model] * (0.85 + 0.3 * unit(seed, 7)))
    return max(0.02, 1.0 - 0.7 * used - 0.3 * used**6)


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
            sample = _sampler(site, point, dev_eui, own, weather, particles)
            devices.append(Device(dev_eui, name, site, point, own, sample))
    return devices


def _sampler(
    site: SiteSpec, point: PointSpec, dev_eui: str, seed: int, weather: Weather, particles: OutdoorParticles
) -> Sampler:
    if point.room is not None:
        room = RoomAir(_room(point.room), weather, particles, seed)
        return _ers(room, point, seed) if point.device.model == "elsys/ers" else _am300(room, point, seed)
    if point.container is not None:
        depth = float(point.device.mounting_height or 0)
        return _em400(BinFill(_container(point.container, depth), weather, seed), point, seed)
    if point.tree is not None:
        return _zn1(StemRadius(_tree(point.tree), weather, site.longitude, seed), point, dev_eui, seed)
    if point.meter is not None:
        fitted = point.device.installed_at.timestamp()
        return _w1(WaterVolume(_meter(point.meter, fitted), seed), point, seed)
    raise AssertionError(f"the scenario reader let {point.name!r} through without anything to look at")


def _room(spec: RoomSpec) -> Room:
    return Room(spec.kind, spec.volume, spec.people, spec.air_changes, spec.set_point)


def _container(spec: ContainerSpec, depth: float) -> Container:
    collected = spec.collected
    return Container(
        spec.kind,
        spec.days_to_fill,
        depth,
        spec.full_at,
        _WEEKDAYS.index(collected.weekday),
        collected.hour,
        collected.every_weeks,
    )


def _tree(spec: TreeSpec) -> Tree:
    return Tree(spec.growth, spec.shrinkage, spec.start, spec.evergreen)


def _meter(spec: MeterSpec, fitted: float) -> Meter:
    return Meter(spec.kind, spec.litres_per_day, spec.night_litres_per_hour, spec.start_volume, fitted)


def _am300(room: RoomAir, point: PointSpec, seed: int) -> Sampler:
    installed, particles = point.device.installed_at.timestamp(), point.device.particles
    levels = (5.0, 50.0, 100.0, 400.0, 700.0)  # lx above which the light level counts one more

    def sample(t: float, since: float) -> Payload:
        del since
        air = room.at(t)
        return Am300(
            temperature=air.temperature,
            humidity=air.relative_humidity,
            motion=air.people > 0 and unit(seed, int(t)) < 0.93,
            light_level=sum(air.light > level for level in levels),
            co2=air.co2,
            tvoc_index=air.tvoc_index,
            pressure=air.pressure,
            pm2_5=air.pm2_5 if particles else None,
            pm10=air.pm10 if particles else None,
            battery=round(100 * battery("milesight/am300", seed, t - installed)),
        ).encode()

    return sample


def _ers(room: RoomAir, point: PointSpec, seed: int) -> Sampler:
    installed = point.device.installed_at.timestamp()

    def sample(t: float, since: float) -> Payload:
        air = room.at(t)
        moves = 0.0 if air.people <= 0 else since / 60.0 * min(1.0, 0.25 + 0.06 * air.people)
        return Ers(
            temperature=air.temperature,
            humidity=air.relative_humidity,
            light=air.light,
            motion_count=int(moves * (0.4 + 1.2 * unit(seed, int(t)))),
            co2=air.co2,
            battery_voltage=3.05 + 0.6 * battery("elsys/ers", seed, t - installed) + 0.002 * (air.temperature - 20),
        ).encode()

    return sample


def _em400(fill: BinFill, point: PointSpec, seed: int) -> Sampler:
    installed = point.device.installed_at.timestamp()

    def sample(t: float, since: float) -> Payload:
        del since
        content = fill.at(t)
        left = round(100 * battery("milesight/em400", seed, t - installed))
        return Em400(left, content.temperature, content.distance, content.tilted).encode()

    return sample


def _zn1(stem: StemRadius, point: PointSpec, dev_eui: str, seed: int) -> Sampler:
    installed = point.device.installed_at.timestamp()
    device_id = int(dev_eui[-4:], 16)

    def sample(t: float, since: float) -> Payload:
        del since
        volts = 2.55 + 0.62 * battery("decentlab/dl-zn1", seed, t - installed)
        return Zn1(device_id, stem.at(t), volts).encode()

    return sample


def _w1(volume: WaterVolume, point: PointSpec, seed: int) -> Sampler:
    installed = point.device.installed_at.timestamp()

    def sample(t: float, since: float) -> Payload:
        del since
        now = int(t)
        first = now - now % 3600 - 3600 * _LEAK_HOURS
        hourly = tuple(int(volume.litres(first + 3600 * i)) for i in range(_LEAK_HOURS + 1))
        leaking = all(later - earlier >= _LEAK_LITRES for earlier, later in pairwise(hourly))
        weak = battery("axioma/qalcosonic-w1", seed, t - installed) < 0.1
        logged = first + 3600 * (_LEAK_HOURS + 1 - HOURLY_RECORDS)
        return W1(now, weak, leaking, int(volume.litres(now)), logged, hourly[-HOURLY_RECORDS:]).encode()

    return sample
