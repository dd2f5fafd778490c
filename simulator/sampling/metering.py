"""Devices at water and electricity meters."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from simulator.encoders.axioma import HOURLY_RECORDS, W1
from simulator.encoders.fludia import Fm432
from simulator.encoders.truth import Report, Truth
from simulator.encoders.watteco import Linky, PulseIndex
from simulator.sampling.sensor import Fitted, Sensor
from simulator.sampling.world import World
from simulator.scenario.model import MeterSpec, SupplySpec
from simulator.signals.calendar import PARIS
from simulator.signals.energy import Electricity, Supply
from simulator.signals.meters import Meter, WaterVolume

# The meter calls it a leak when every hour of a day draws at least so much.
_LEAK_HOURS, _LEAK_LITRES = 24, 8
_STEP, _STEPS = 900, 8  # of an FM432
_POWER_FACTOR = 0.96
PULSE_ENTRY = 1  # the input of a pulse sensor that the meter is wired to


def pulses(amount: float, each: float) -> int:
    """How many pulses a meter has given when it has counted `amount`, at `each` a pulse."""
    return int(amount / each)


def meter(spec: MeterSpec, fitted: Fitted, world: World) -> Sensor:
    """A device that reads a water meter."""
    what = Meter(spec.kind, spec.litres_per_day, spec.night_litres_per_hour, spec.start_volume, fitted.installed)
    volume = WaterVolume(what, fitted.seed, world.frost)
    if fitted.point.device.model == "watteco/pulse-senso":
        return _pulses(volume, spec.litres_per_pulse)
    return _w1(volume, fitted)


def _pulses(volume: WaterVolume, each: float) -> Sensor:
    def sample(t: float, since: float) -> Report:
        del since
        litres = volume.litres(t)
        counted = Truth("water_volume_total", litres / 1000, each / 1000, str(PULSE_ENTRY))
        return PulseIndex(PULSE_ENTRY, pulses(litres, each), counted)

    return Sensor(sample)


def _w1(volume: WaterVolume, fitted: Fitted) -> Sensor:
    lag = 2 + fitted.seed % 4  # seconds from reading the register to being on air

    def sample(t: float, since: float) -> Report:
        del since
        now = int(t) - lag
        first = now - now % 3600 - 3600 * _LEAK_HOURS
        hourly = tuple(map(int, volume.at_hours(first, _LEAK_HOURS + 1)))
        leaking = all(later - earlier >= _LEAK_LITRES for earlier, later in pairwise(hourly))
        logged = first + 3600 * (_LEAK_HOURS + 1 - HOURLY_RECORDS)
        litres = max(hourly[-1], int(volume.litres(now)))
        return W1(now, fitted.left(t) < 0.1, leaking, litres, logged, hourly[-HOURLY_RECORDS:])

    return Sensor(sample)


def supply(spec: SupplySpec, fitted: Fitted, world: World) -> Sensor:
    """A device that reads an electricity meter."""
    what = Supply(spec.kind, spec.kwh_per_day, spec.kwh_per_degree_day, spec.start_index, fitted.installed)
    electricity = Electricity(what, world.degree_days, fitted.seed)
    if fitted.point.device.model == "watteco/pulse-senso":
        return _energy_pulses(electricity, spec.wh_per_pulse)
    return _tico(electricity) if fitted.point.device.model == "watteco/tico" else _fm432(electricity)


def _energy_pulses(electricity: Electricity, each: float) -> Sensor:
    def sample(t: float, since: float) -> Report:
        del since
        kwh = electricity.index(t)
        counted = Truth("energy_active_total", kwh, each / 1000, str(PULSE_ENTRY))
        return PulseIndex(PULSE_ENTRY, pulses(1000 * kwh, each), counted)

    return Sensor(sample)


def _tico(electricity: Electricity) -> Sensor:
    def sample(t: float, since: float) -> Report:
        del since
        read = t - 2.0
        watt_hours = int(1000 * electricity.index(read))
        apparent = round(electricity.power(read) / _POWER_FACTOR)
        return Linky(datetime.fromtimestamp(int(read), PARIS), watt_hours, apparent)

    return Sensor(sample)


def _fm432(electricity: Electricity) -> Sensor:
    def sample(t: float, since: float) -> Report:
        del since
        minute = int(t) // 60 * 60
        moments = range(minute - _STEP * _STEPS, minute + 1, _STEP)
        return Fm432(minute, _STEP // 60, tuple(int(1000 * electricity.index(at)) for at in moments))

    return Sensor(sample)
