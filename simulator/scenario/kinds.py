"""What a count of a fleet stands for: where such devices are, which models serve, what they look at.

Sizes follow what the field reports: classrooms of 170 to 190 m3, homes drawing 200 to 450 L and 6 to 12 kWh a day,
containers of four cubic metres filled in one to two weeks. Addresses are made from the maker's first six digits and
forty bits of the names, so that tens of thousands of one model stay apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from simulator.catalogue import MODELS
from simulator.noise import normal, seed_of, unit
from simulator.scenario.model import (
    WEEKDAYS,
    BayKind,
    BaySpec,
    CellarSpec,
    ContainerKind,
    ContainerSpec,
    DeviceSpec,
    EntranceSpec,
    Eui,
    GateSpec,
    GroundSpec,
    MeterKind,
    MeterSpec,
    Model,
    PointSpec,
    RoomKind,
    RoomSpec,
    RoundSpec,
    Seconds,
    SkySpec,
    StreetSpec,
    SupplyKind,
    SupplySpec,
    Theme,
    TreeSpec,
)

_MINUTE, _HOUR = 60, 3600


class Lot(NamedTuple):
    """One site of a kind: its title and number, how many points it has, its seed and since when they are there."""

    title: str
    number: int
    points: int
    seed: int
    fitted: datetime


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of count: title of a site, devices at a site, how far from the middle (share of the radius), points."""

    site: str
    at_a_site: int
    reach: float
    points: Callable[[Lot], tuple[PointSpec, ...]]


@dataclass(frozen=True, slots=True)
class _Use:
    theme: Theme
    purpose: str
    loss: float
    personal: bool = False

    def point(
        self, lot: Lot, name: str, model: Model, interval: int, mounting_height: int | None = None, **looks_at: Any
    ) -> PointSpec:
        device = DeviceSpec(
            model=model,
            interval=Seconds(interval),
            installed_at=lot.fitted,
            dev_eui=Eui(f"{MODELS[model].eui_prefix[:6]}{seed_of(lot.seed, name) & 0xFFFFFFFFFF:010x}"),
            building_loss=self.loss,
            mounting_height=mounting_height,
        )
        return PointSpec(
            name=f"{lot.title}, {name}" if name else lot.title,
            theme=self.theme,
            purpose=self.purpose,
            device=device,
            privacy="personal" if self.personal else "none",
            published=not self.personal,
            **looks_at,
        )


_AIR = _Use("air", "Savoir quand aérer", 12)
_STREET = _Use("air", "Suivre les particules respirées dans la rue", 2)
_CELLAR = _Use("water", "Être prévenu d'une inondation de la chaufferie", 20)
_WASTE = _Use("waste", "Passer quand c'est plein, ne pas passer pour rien", 4)
_CENTRE = _Use("recycling", "Connaître l'affluence et les bennes à évacuer", 4)
_HOME_WATER = _Use("water", "Alerter l'abonné d'une fuite chez lui", 18, personal=True)
_WATER = _Use("water", "Repérer une fuite la nuit même", 15)
_SECTOR = _Use("water", "Chercher les fuites du réseau secteur par secteur", 18)
_HOME_POWER = _Use("energy", "Suivre sa consommation d'électricité", 14, personal=True)
_POWER = _Use("energy", "Suivre la consommation des bâtiments et de l'éclairage", 12)
_BAY = _Use("parking", "Connaître la rotation des places", 8)
_TREE = _Use("trees", "Suivre la soif et la croissance des arbres", 2)
_GROUND = _Use("trees", "Arroser quand le sol le demande", 5)
_SKY = _Use("weather", "Rapporter les mesures au temps qu'il fait", 2)


def _between(seed: int, n: int, low: float, high: float, digits: int = 0) -> float:
    return round(low + (high - low) * unit(seed, n), digits)


def _rooms(lot: Lot) -> tuple[PointSpec, ...]:
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
        room = RoomSpec(kind, _between(lot.seed, n * 4 + 10, 0.9 * volume, 1.1 * volume), people, 0.7)
        points.append(_AIR.point(lot, f"{name} {n + 1}", model, 15 * _MINUTE, room=room))
    return tuple(points)


def _cellars(lot: Lot) -> tuple[PointSpec, ...]:
    cellar = CellarSpec(_between(lot.seed, 10, 0.0, 0.9, 2))
    return (_CELLAR.point(lot, "", "milesight/em300-sld-zld", 2 * _HOUR, cellar=cellar),)


def _containers(lot: Lot) -> tuple[PointSpec, ...]:
    takes: tuple[tuple[ContainerKind, str], ...] = (
        ("glass", "verre"),
        ("paper", "papier"),
        ("packaging", "emballages"),
        ("household", "ordures"),
        ("textile", "textile"),
    )
    points: list[PointSpec] = []
    for n in range(lot.points):
        kind, name = takes[(lot.number + n) % 5]
        seed = lot.seed + n
        weeks = 1 if kind in {"packaging", "household"} or unit(seed, 20) < 0.4 else 2
        filled = _between(seed, 21, 6.5, 13) * (1.0 if weeks == 1 else 1.8)
        round_ = RoundSpec(WEEKDAYS[seed % 5], _between(seed, 22, 6, 11, 1), weeks)
        model: Model = "dingtek/df702-df703" if seed % 4 == 0 else "milesight/em400"
        spec = ContainerSpec(kind, filled, 280.0, round_)
        points.append(_WASTE.point(lot, name, model, _HOUR, container=spec, mounting_height=1700))
    return tuple(points)


def _centres(lot: Lot) -> tuple[PointSpec, ...]:
    people = EntranceSpec(_between(lot.seed, 10, 90, 260))
    points = [
        _CENTRE.point(lot, "entrée", "milesight/vs13x", 30 * _MINUTE, entrance=people),
        _CENTRE.point(lot, "portail", "milesight/ws301", 6 * _HOUR, gate=GateSpec()),
    ]
    skips: tuple[tuple[ContainerKind, str, float], ...] = (
        ("green", "benne à végétaux", 8),
        ("rubble", "benne à gravats", 14),
        ("wood", "benne à bois", 11),
        ("bulky", "benne à encombrants", 9),
    )
    for n, (kind, name, days) in enumerate(skips):
        collected = RoundSpec(WEEKDAYS[(lot.seed + n) % 5], 7.5, 1)
        spec = ContainerSpec(kind, days, 300.0, collected)
        model: Model = "dingtek/df702-df703" if n % 2 else "milesight/em400"
        points.append(_CENTRE.point(lot, name, model, _HOUR, container=spec, mounting_height=2400))
    return tuple(points[: lot.points])


def _home_water(lot: Lot) -> tuple[PointSpec, ...]:
    litres = max(60.0, round(290.0 + 110.0 * normal(lot.seed, 10)))
    meter = MeterSpec("household", litres, 0.0, _between(lot.seed, 11, 20_000, 900_000))
    return (_HOME_WATER.point(lot, "", "axioma/qalcosonic-w1", 12 * _HOUR, meter=meter),)


def _building_water(lot: Lot) -> tuple[PointSpec, ...]:
    uses: tuple[tuple[MeterKind, float], ...] = (
        *(("school", 3200.0), ("gym", 2600.0), ("office", 700.0), ("hall", 900.0)),
        ("garden", 4500.0),
    )
    kind, litres = uses[lot.number % 5]
    meter = MeterSpec(kind, litres * _between(lot.seed, 10, 0.6, 1.5, 2), 0.0, _between(lot.seed, 11, 1e5, 3e6))
    return (_WATER.point(lot, "", "axioma/qalcosonic-w1", 6 * _HOUR, meter=meter),)


def _sectors(lot: Lot) -> tuple[PointSpec, ...]:
    litres = _between(lot.seed, 10, 180_000, 650_000)
    meter = MeterSpec("network", litres, round(0.15 * litres / 24), 0.0, 100.0)
    return (_SECTOR.point(lot, "", "watteco/pulse-senso", _HOUR, meter=meter),)


def _home_power(lot: Lot) -> tuple[PointSpec, ...]:
    heated = unit(lot.seed, 12) < 0.38  # homes heated by electricity (INSEE, census)
    degree_day = _between(lot.seed, 13, 1.2, 3.0, 2) if heated else 0.05
    supply = SupplySpec("home", _between(lot.seed, 10, 5, 12, 1), degree_day, _between(lot.seed, 11, 3000, 60000))
    return (_HOME_POWER.point(lot, "", "watteco/tico", _HOUR, supply=supply),)


def _building_power(lot: Lot) -> tuple[PointSpec, ...]:
    uses: tuple[tuple[SupplyKind, float, float], ...] = (("school", 95, 14), ("office", 60, 8), ("gym", 80, 10))
    kind, daily, degree_day = uses[lot.number % 3]
    share = _between(lot.seed, 10, 0.6, 1.6, 2)
    supply = SupplySpec(kind, daily * share, degree_day * share, _between(lot.seed, 11, 1e4, 4e5))
    if lot.seed % 2:
        return (_POWER.point(lot, "", "fludia/fm432", 2 * _HOUR, supply=supply),)
    return (_POWER.point(lot, "", "watteco/tico", 30 * _MINUTE, supply=supply),)


def _lighting(lot: Lot) -> tuple[PointSpec, ...]:
    supply = SupplySpec("lighting", _between(lot.seed, 10, 15, 60), 0.0, _between(lot.seed, 11, 1e4, 2e5))
    model: Model = "fludia/fm432" if lot.seed % 3 else "watteco/tico"
    return (_POWER.point(lot, "", model, 2 * _HOUR, supply=supply),)


def _bays(lot: Lot) -> tuple[PointSpec, ...]:
    kinds: tuple[BayKind, ...] = ("short", "commuter", "short", "square")
    spec = BaySpec(kinds[lot.number % 4], WEEKDAYS[2 + lot.seed % 5])
    models: tuple[Model, Model] = ("bosch/tps110", "nwave/nps")
    return tuple(
        _BAY.point(lot, f"place {n + 1}", models[lot.number % 2], 12 * _HOUR, bay=spec) for n in range(lot.points)
    )


def _trees(lot: Lot) -> tuple[PointSpec, ...]:
    species = ("platane", "tilleul", "érable", "frêne", "chêne", "cèdre")
    points: list[PointSpec] = []
    for n in range(lot.points):
        seed, name = lot.seed + n, species[(lot.number + n) % 6]
        tree = TreeSpec(
            *(_between(seed, 10, 1300, 3600), _between(seed, 11, 110, 230), _between(seed, 12, 0, 4000)),
            name == "cèdre",
        )
        points.append(_TREE.point(lot, f"{name} {n + 1}", "decentlab/dl-zn1", 30 * _MINUTE, tree=tree))
    return tuple(points)


def _sap(lot: Lot) -> tuple[PointSpec, ...]:
    tree = TreeSpec(_between(lot.seed, 10, 1300, 3600), _between(lot.seed, 11, 110, 230))
    return (_TREE.point(lot, "", "decentlab/dl-isf", 30 * _MINUTE, tree=tree),)


def _ground(lot: Lot) -> tuple[PointSpec, ...]:
    spec = GroundSpec(
        _between(lot.seed, 10, 10, 45), _between(lot.seed, 11, 0.2, 0.8, 2), watered=unit(lot.seed, 12) < 0.5
    )
    model: Model = "dragino/lse01" if lot.seed % 2 else "milesight/em500-smtc"
    return (_GROUND.point(lot, "", model, _HOUR, ground=spec),)


def _streets(lot: Lot) -> tuple[PointSpec, ...]:
    spec = StreetSpec(_between(lot.seed, 10, 0.1, 1.6, 2))
    return (_STREET.point(lot, "", "decentlab/dl-pm", 10 * _MINUTE, street=spec),)


def _stations(lot: Lot) -> tuple[PointSpec, ...]:
    return (_SKY.point(lot, "", "decentlab/dl-atm41", 10 * _MINUTE, sky=SkySpec(_between(lot.seed, 10, 0.6, 1.1, 2))),)


KINDS: dict[str, Kind] = {
    "rooms": Kind("École", 6, 0.8, _rooms),
    "cellars": Kind("Chaufferie", 1, 0.8, _cellars),
    "containers": Kind("Point d'apport", 3, 1.0, _containers),
    "centre_devices": Kind("Déchèterie", 6, 1.0, _centres),
    "home_water_meters": Kind("Abonné eau", 1, 1.0, _home_water),
    "building_water_meters": Kind("Compteur d'eau", 1, 0.8, _building_water),
    "network_sectors": Kind("Secteur du réseau d'eau", 1, 1.0, _sectors),
    "home_supplies": Kind("Abonné électricité", 1, 1.0, _home_power),
    "building_supplies": Kind("Compteur d'électricité", 1, 0.8, _building_power),
    "lighting_cabinets": Kind("Armoire d'éclairage", 1, 1.0, _lighting),
    "parking_bays": Kind("Parking", 12, 0.4, _bays),
    "trees": Kind("Alignement d'arbres", 4, 0.6, _trees),
    "sap_flows": Kind("Arbre suivi", 1, 0.6, _sap),
    "soil_probes": Kind("Massif", 1, 0.7, _ground),
    "streets": Kind("Rue", 1, 0.6, _streets),
    "weather_stations": Kind("Station météo", 1, 0.9, _stations),
}
"""Kinds by the names of `CountsSpec`."""
