"""Devices under the lids of containers and at the entrance of recycling centres."""

from __future__ import annotations

from simulator.encoders.dingtek import Df702
from simulator.encoders.milesight import Em400
from simulator.encoders.milesight_passage import Vs13x, Ws301
from simulator.encoders.truth import Report
from simulator.sampling.sensor import Fitted, Sensor
from simulator.sampling.world import World
from simulator.scenario.model import WEEKDAYS, ContainerSpec, EntranceSpec, GateSpec
from simulator.signals.bins import BinFill, Container
from simulator.signals.visitors import Gate, Visitors

_FULL_ALARM, _FIRE_ALARM = 0.9, 75.0  # share, and Cel: the makers' default thresholds


def container(spec: ContainerSpec, fitted: Fitted, world: World) -> Sensor:
    """A device that looks down into a container."""
    collected = spec.collected
    what = Container(
        spec.kind,
        spec.days_to_fill,
        float(fitted.point.device.mounting_height or 0),
        spec.full_at,
        WEEKDAYS.index(collected.weekday),
        collected.hour,
        collected.every_weeks,
    )
    fill = BinFill(what, world.weather, fitted.seed)
    return _em400(fill, fitted) if fitted.point.device.model == "milesight/em400" else _df702(fill, fitted)


def _em400(fill: BinFill, fitted: Fitted) -> Sensor:
    def sample(t: float, since: float) -> Report:
        del since
        content = fill.at(t)
        return Em400(fitted.percent(t), content.temperature, content.distance, content.tilted)

    return Sensor(sample)


def _df702(fill: BinFill, fitted: Fitted) -> Sensor:
    interval, installed, lean = fitted.point.device.interval, fitted.installed, fitted.seed % 3

    def sample(t: float, since: float) -> Report:
        del since
        content = fill.at(t)
        return Df702(
            distance=content.distance,
            temperature=content.temperature,
            angle=78 if content.tilted else lean,
            full=content.fill > _FULL_ALARM,
            fire=content.temperature > _FIRE_ALARM,
            tilted=content.tilted,
            battery_low=fitted.left(t) < 0.1,
            frame_counter=int((t - installed) / interval),
        )

    return Sensor(sample)


def entrance(spec: EntranceSpec, fitted: Fitted, world: World) -> Sensor:
    """A people counter over the entrance of a recycling centre; its period is the interval of the device."""
    del world
    visitors, interval = Visitors(spec.people_per_day, fitted.installed, fitted.seed), fitted.point.device.interval

    def sample(t: float, since: float) -> Report:
        del since
        now, before = visitors.at(t), visitors.at(t - interval)
        return Vs13x(now.came, now.left, now.came - before.came, now.left - before.left)

    return Sensor(sample)


def gate(spec: GateSpec, fitted: Fitted, world: World) -> Sensor:
    """A contact at the gate of a recycling centre."""
    del spec, world
    leaf = Gate(fitted.seed)

    def sample(t: float, since: float) -> Report:
        del since
        return Ws301(fitted.percent(t), leaf.at(t)[0], False)

    return Sensor(sample, leaf.next_change)
