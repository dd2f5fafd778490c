"""Devices in rooms and cellars."""

from __future__ import annotations

from simulator.encoders.elsys import Ers
from simulator.encoders.milesight import Am300
from simulator.encoders.milesight_probes import Em300Leak
from simulator.encoders.truth import Report
from simulator.noise import unit
from simulator.sampling.sensor import Fitted, Sensor
from simulator.sampling.world import World
from simulator.scenario.model import CellarSpec, RoomSpec
from simulator.signals.cellars import Cellar
from simulator.signals.rooms import Room, RoomAir

_LEVELS = (5.0, 50.0, 100.0, 400.0, 700.0)  # lx above which the light level of an AM300 counts one more


def room(spec: RoomSpec, fitted: Fitted, world: World) -> Sensor:
    """A device that looks at a room."""
    what = Room(spec.kind, spec.volume, spec.people, spec.air_changes, spec.set_point)
    air = RoomAir(what, world.weather, world.open_air, fitted.seed)
    return _ers(air, fitted) if fitted.point.device.model == "elsys/ers" else _am300(air, fitted)


def _am300(room: RoomAir, fitted: Fitted) -> Sensor:
    seed, particles = fitted.seed, fitted.point.device.particles

    def sample(t: float, since: float) -> Report:
        del since
        air = room.at(t)
        return Am300(
            temperature=air.temperature,
            humidity=air.relative_humidity,
            motion=air.people > 0 and unit(seed, int(t)) < 0.93,
            light_level=sum(air.light > level for level in _LEVELS),
            co2=air.co2,
            tvoc_index=air.tvoc_index,
            pressure=air.pressure,
            pm2_5=air.pm2_5 if particles else None,
            pm10=air.pm10 if particles else None,
            battery=fitted.percent(t),
        )

    return Sensor(sample)


def _ers(room: RoomAir, fitted: Fitted) -> Sensor:
    seed = fitted.seed

    def sample(t: float, since: float) -> Report:
        air = room.at(t)
        moves = 0.0 if air.people <= 0 else since / 60.0 * min(1.0, 0.25 + 0.06 * air.people)
        return Ers(
            temperature=air.temperature,
            humidity=air.relative_humidity,
            light=air.light,
            motion_count=int(moves * (0.4 + 1.2 * unit(seed, int(t)))),
            co2=air.co2,
            battery_voltage=3.05 + 0.6 * fitted.left(t) + 0.002 * (air.temperature - 20),
        )

    return Sensor(sample)


def cellar(spec: CellarSpec, fitted: Fitted, world: World) -> Sensor:
    """A leak detector on the floor of a cellar."""
    place = Cellar(spec.depth, world.soil_water, world.weather, fitted.seed)

    def sample(t: float, since: float) -> Report:
        del since
        damp = place.at(t)
        return Em300Leak(fitted.percent(t), damp.temperature, damp.humidity, damp.wet)

    return Sensor(sample)
