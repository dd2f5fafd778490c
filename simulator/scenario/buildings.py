"""Kinds of devices in buildings and at meters: classes of 170 to 190 m3, homes of 200 to 450 L, 6 to 12 kWh a day."""

from __future__ import annotations

from simulator.noise import normal, unit
from simulator.scenario.lots import HOUR, MINUTE, Lot, Use, between
from simulator.scenario.model import (
    CellarSpec,
    MeterKind,
    MeterSpec,
    Model,
    PointSpec,
    RoomKind,
    RoomSpec,
    SupplyKind,
    SupplySpec,
)

_AIR = Use("air", "Savoir quand aérer", 12)
_CELLAR = Use("water", "Être prévenu d'une inondation de la chaufferie", 20)
_HOME_WATER = Use("water", "Alerter l'abonné d'une fuite chez lui", 18, personal=True)
_WATER = Use("water", "Repérer une fuite la nuit même", 15)
_SECTOR = Use("water", "Chercher les fuites du réseau secteur par secteur", 18)
_HOME_POWER = Use("energy", "Suivre sa consommation d'électricité", 14, personal=True)
_POWER = Use("energy", "Suivre la consommation des bâtiments et de l'éclairage", 12)


def rooms(lot: Lot) -> tuple[PointSpec, ...]:
    """Rooms of a school, and what a commune has beside it."""
    uses: tuple[tuple[RoomKind, str, float, float], ...] = (
        ("classroom", "classe", 178, 25),
        ("classroom", "classe", 178, 24),
        ("canteen", "cantine", 400, 85),
        ("office", "bureau", 80, 4),
        ("library", "bibliothèque", 260, 20),
        ("gym", "gymnase", 3800, 45),
    )
    points: list[PointSpec] = []
    for n in range(lot.points):
        kind, name, volume, people = uses[(lot.number + n) % 6 if n else 0]
        model: Model = "elsys/ers" if (lot.number + n) % 3 == 0 else "milesight/am300"
        room = RoomSpec(kind, between(lot.seed, n * 4 + 10, 0.9 * volume, 1.1 * volume), people, 0.7)
        points.append(_AIR.point(lot, f"{name} {n + 1}", model, 15 * MINUTE, room=room))
    return tuple(points)


def cellars(lot: Lot) -> tuple[PointSpec, ...]:
    """A leak detector in a boiler room."""
    cellar = CellarSpec(between(lot.seed, 10, 0.0, 0.9, 2))
    return (_CELLAR.point(lot, "", "milesight/em300-sld-zld", 2 * HOUR, cellar=cellar),)


def home_water(lot: Lot) -> tuple[PointSpec, ...]:
    """The water meter of a home."""
    litres = max(60.0, round(290.0 + 110.0 * normal(lot.seed, 10)))
    meter = MeterSpec("household", litres, 0.0, between(lot.seed, 11, 20_000, 900_000))
    return (_HOME_WATER.point(lot, "", "axioma/qalcosonic-w1", 12 * HOUR, meter=meter),)


def building_water(lot: Lot) -> tuple[PointSpec, ...]:
    """The water meter of a public building."""
    uses: tuple[tuple[MeterKind, float], ...] = (
        *(("school", 3200.0), ("gym", 2600.0), ("office", 700.0), ("hall", 900.0)),
        ("garden", 4500.0),
    )
    kind, litres = uses[lot.number % 5]
    meter = MeterSpec(kind, litres * between(lot.seed, 10, 0.6, 1.5, 2), 0.0, between(lot.seed, 11, 1e5, 3e6))
    return (_WATER.point(lot, "", "axioma/qalcosonic-w1", 6 * HOUR, meter=meter),)


def sectors(lot: Lot) -> tuple[PointSpec, ...]:
    """A sector of the water network."""
    litres = between(lot.seed, 10, 180_000, 650_000)
    meter = MeterSpec("network", litres, round(0.15 * litres / 24), 0.0, 100.0)
    return (_SECTOR.point(lot, "", "watteco/pulse-senso", HOUR, meter=meter),)


def home_power(lot: Lot) -> tuple[PointSpec, ...]:
    """The electricity meter of a home."""
    heated = unit(lot.seed, 12) < 0.38  # homes heated by electricity (INSEE, census)
    degree_day = between(lot.seed, 13, 1.2, 3.0, 2) if heated else 0.05
    supply = SupplySpec("home", between(lot.seed, 10, 5, 12, 1), degree_day, between(lot.seed, 11, 3000, 60000))
    return (_HOME_POWER.point(lot, "", "watteco/tico", HOUR, supply=supply),)


def building_power(lot: Lot) -> tuple[PointSpec, ...]:
    """The electricity meter of a public building."""
    uses: tuple[tuple[SupplyKind, float, float], ...] = (("school", 95, 14), ("office", 60, 8), ("gym", 80, 10))
    kind, daily, degree_day = uses[lot.number % 3]
    share = between(lot.seed, 10, 0.6, 1.6, 2)
    supply = SupplySpec(kind, daily * share, degree_day * share, between(lot.seed, 11, 1e4, 4e5))
    if lot.seed % 5 == 0:
        return (_POWER.point(lot, "", "watteco/pulse-senso", HOUR, supply=supply),)
    if lot.seed % 2:
        return (_POWER.point(lot, "", "fludia/fm432", 2 * HOUR, supply=supply),)
    return (_POWER.point(lot, "", "watteco/tico", 30 * MINUTE, supply=supply),)


def lighting(lot: Lot) -> tuple[PointSpec, ...]:
    """A cabinet of street lights."""
    supply = SupplySpec("lighting", between(lot.seed, 10, 15, 60), 0.0, between(lot.seed, 11, 1e4, 2e5))
    model: Model = "fludia/fm432" if lot.seed % 3 else "watteco/tico"
    return (_POWER.point(lot, "", model, 2 * HOUR, supply=supply),)
