"""Devices in the street, under the sky, on trees, in the ground and in parking bays."""

from __future__ import annotations

from simulator.encoders.decentlab import Zn1
from simulator.encoders.decentlab_groups import Atm41, Isf, Pm
from simulator.encoders.dragino import Lse01
from simulator.encoders.milesight_probes import Em500Smtc
from simulator.encoders.parking import Nps405Change, Nps405Heartbeat, Tps110
from simulator.encoders.truth import Report
from simulator.sampling.sensor import Fitted, Sensor
from simulator.sampling.world import World
from simulator.scenario.model import WEEKDAYS, BaySpec, GroundSpec, SkySpec, StreetSpec, TreeSpec
from simulator.signals.air import StreetAir
from simulator.signals.parking import Bay, ParkingBay
from simulator.signals.soil import Ground, SoilProbe
from simulator.signals.trees import SapFlow, StemRadius, Tree
from simulator.signals.weather import saturation

_TOLD_WITHIN = 10.0  # s after a change a report is about it


def tree(spec: TreeSpec, fitted: Fitted, world: World) -> Sensor:
    """A dendrometer or a sap flow sensor."""
    what = Tree(spec.growth, spec.shrinkage, spec.start, spec.evergreen)
    device_id = int(fitted.dev_eui[-4:], 16)
    if fitted.point.device.model == "decentlab/dl-isf":
        sap = SapFlow(what, world.weather, world.soil_water, fitted.seed)

        def sample_sap(t: float, since: float) -> Report:
            del since
            now, left = sap.at(t), fitted.left(t)
            supply = 10.9 + 1.3 * left
            return Isf(
                *(device_id, now.flow, now.outer, now.inner, now.temperature),
                *(supply, supply - 0.6, 2.55 + 0.62 * left),
            )

        return Sensor(sample_sap)
    stem = StemRadius(what, world.weather, world.soil_water, fitted.site.longitude, fitted.seed)

    def sample(t: float, since: float) -> Report:
        del since
        return Zn1(device_id, stem.at(t), 2.55 + 0.62 * fitted.left(t))

    return Sensor(sample)


def street(spec: StreetSpec, fitted: Fitted, world: World) -> Sensor:
    """A particle monitor in a street."""
    air, weather = StreetAir(spec.traffic, world.open_air, world.weather, fitted.seed), world.weather
    device_id = int(fitted.dev_eui[-4:], 16)

    def sample(t: float, since: float) -> Report:
        del since
        now, outside = air.at(t), weather.at(t)
        humidity = min(99.0, 100.0 * outside.vapour / saturation(outside.temperature))
        fine, coarse = now.pm2_5, now.pm10
        return Pm(
            *(device_id, 2.9 + 0.5 * fitted.left(t), 0.72 * fine, fine, fine + 0.45 * (coarse - fine), coarse),
            *(outside.temperature + 0.6, humidity, weather.pressure(t)),
        )

    return Sensor(sample)


def sky(spec: SkySpec, fitted: Fitted, world: World) -> Sensor:
    """A weather station; its rain is that of the interval of the device."""
    weather, interval = world.weather, fitted.point.device.interval
    device_id = int(fitted.dev_eui[-4:], 16)

    def sample(t: float, since: float) -> Report:
        del since
        outside = weather.at(t)
        wind = spec.exposure * outside.wind
        return Atm41(
            device_id=device_id,
            irradiance=outside.irradiance,
            precipitation=round(weather.rain_between(t - interval, t) / 0.017) * 0.017,  # the drop of its counter
            wind_speed=wind,
            wind_direction=weather.wind_direction(t) % 360.0,
            wind_gust=1.3 * wind + 0.6,
            temperature=outside.temperature,
            vapour_pressure=outside.vapour * (outside.temperature + 273.15) * 461.5e-6,
            pressure=weather.pressure(t),
            humidity=min(99.5, 100.0 * outside.vapour / saturation(outside.temperature)),
            battery_voltage=2.9 + 0.3 * fitted.left(t),
        )

    return Sensor(sample)


def ground(spec: GroundSpec, fitted: Fitted, world: World) -> Sensor:
    """A soil probe."""
    what = Ground(spec.depth, spec.wetness, spec.watered)
    probe = SoilProbe(what, world.soil_water, world.weather, fitted.seed)
    dragino = fitted.point.device.model == "dragino/lse01"

    def sample(t: float, since: float) -> Report:
        del since
        soil = probe.at(t)
        if dragino:
            air, volts = world.weather.at(t).temperature, 3.0 + 0.6 * fitted.left(t)
            return Lse01(volts, air, soil.moisture, soil.temperature, soil.conductivity)
        return Em500Smtc(fitted.percent(t), soil.temperature, soil.moisture, soil.conductivity)

    return Sensor(sample)


def bay(spec: BaySpec, fitted: Fitted, world: World) -> Sensor:
    """A parking sensor: a change is told at once, the rest are heartbeats."""
    place = ParkingBay(Bay(spec.kind, WEEKDAYS.index(spec.market)), fitted.seed)
    nwave = fitted.point.device.model == "nwave/nps"

    def sample(t: float, since: float) -> Report:
        del since
        taken, changed = place.at(t)
        outside = world.weather.at(t)
        warmth = outside.mean_temperature + 0.8 * (outside.temperature - outside.mean_temperature)
        told = t - changed < _TOLD_WITHIN
        if nwave:
            if told:
                return Nps405Change(taken, changed - place.at(changed - 1.0)[1])
            return Nps405Heartbeat(taken, 2.95 + 0.5 * fitted.left(t), warmth)
        return Tps110(taken, None if told else warmth)

    return Sensor(sample, place.next_change)
