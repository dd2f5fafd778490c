"""What a device of each model would send at a moment, from the signal it looks at."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from simulator.battery import battery
from simulator.encoders.axioma import HOURLY_RECORDS, W1
from simulator.encoders.decentlab import Zn1
from simulator.encoders.elsys import Ers
from simulator.encoders.milesight import Am300, Em400
from simulator.encoders.truth import Payload
from simulator.noise import unit
from simulator.scenario.model import ContainerSpec, MeterSpec, PointSpec, RoomSpec, SiteSpec, TreeSpec
from simulator.signals.bins import BinFill, Container
from simulator.signals.meters import Meter, WaterVolume
from simulator.signals.rooms import OutdoorParticles, Room, RoomAir
from simulator.signals.trees import StemRadius, Tree
from simulator.signals.weather import Weather

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# The meter calls it a leak when every hour of a day draws at least so much.
_LEAK_HOURS, _LEAK_LITRES = 24, 8
# (seconds since 1970, seconds since the report before) -> payload
Sampler = Callable[[float, float], Payload]


def sampler(
    site: SiteSpec, point: PointSpec, dev_eui: str, seed: int, weather: Weather, particles: OutdoorParticles
) -> Sampler:
    """How to ask the device of a point for its payloads; devices share one weather."""
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
    lag = 2 + seed % 4  # seconds from reading the register to being on air

    def sample(t: float, since: float) -> Payload:
        del since
        now = int(t) - lag
        first = now - now % 3600 - 3600 * _LEAK_HOURS
        hourly = tuple(int(volume.litres(first + 3600 * i)) for i in range(_LEAK_HOURS + 1))
        leaking = all(later - earlier >= _LEAK_LITRES for earlier, later in pairwise(hourly))
        weak = battery("axioma/qalcosonic-w1", seed, t - installed) < 0.1
        logged = first + 3600 * (_LEAK_HOURS + 1 - HOURLY_RECORDS)
        return W1(now, weak, leaking, int(volume.litres(now)), logged, hourly[-HOURLY_RECORDS:]).encode()

    return sample
