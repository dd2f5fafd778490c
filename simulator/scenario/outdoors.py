"""Kinds of devices out of doors: containers of four cubic metres filled in one to two weeks, bays, trees, streets."""

from __future__ import annotations

from simulator.noise import unit
from simulator.scenario.lots import HOUR, MINUTE, Lot, Use, between
from simulator.scenario.model import (
    WEEKDAYS,
    BayKind,
    BaySpec,
    ContainerKind,
    ContainerSpec,
    EntranceSpec,
    GateSpec,
    GroundSpec,
    Model,
    PointSpec,
    RoundSpec,
    SkySpec,
    StreetSpec,
    TreeSpec,
)

_WASTE = Use("waste", "Passer quand c'est plein, ne pas passer pour rien", 4)
_CENTRE = Use("recycling", "Connaître l'affluence et les bennes à évacuer", 4)
_BAY = Use("parking", "Connaître la rotation des places", 8)
_TREE = Use("trees", "Suivre la soif et la croissance des arbres", 2)
_GROUND = Use("trees", "Arroser quand le sol le demande", 5)
_STREET = Use("air", "Suivre les particules respirées dans la rue", 2)
_SKY = Use("weather", "Rapporter les mesures au temps qu'il fait", 2)


def containers(lot: Lot) -> tuple[PointSpec, ...]:
    """Containers of a collection point."""
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
        filled = between(seed, 21, 6.5, 13) * (1.0 if weeks == 1 else 1.8)
        round_ = RoundSpec(WEEKDAYS[seed % 5], between(seed, 22, 6, 11, 1), weeks)
        model: Model = "dingtek/df702-df703" if seed % 4 == 0 else "milesight/em400"
        spec = ContainerSpec(kind, filled, 280.0, round_)
        points.append(_WASTE.point(lot, name, model, HOUR, container=spec, mounting_height=1700))
    return tuple(points)


def centres(lot: Lot) -> tuple[PointSpec, ...]:
    """A recycling centre: entrance, gate, skips."""
    people = EntranceSpec(between(lot.seed, 10, 90, 260))
    points = [
        _CENTRE.point(lot, "entrée", "milesight/vs13x", 30 * MINUTE, entrance=people),
        _CENTRE.point(lot, "portail", "milesight/ws301", 6 * HOUR, gate=GateSpec()),
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
        points.append(_CENTRE.point(lot, name, model, HOUR, container=spec, mounting_height=2400))
    return tuple(points[: lot.points])


def bays(lot: Lot) -> tuple[PointSpec, ...]:
    """Bays of a car park."""
    kinds: tuple[BayKind, ...] = ("short", "commuter", "short", "square")
    spec = BaySpec(kinds[lot.number % 4], WEEKDAYS[2 + lot.seed % 5])
    models: tuple[Model, Model] = ("bosch/tps110", "nwave/nps")
    return tuple(
        _BAY.point(lot, f"place {n + 1}", models[lot.number % 2], 12 * HOUR, bay=spec) for n in range(lot.points)
    )


def trees(lot: Lot) -> tuple[PointSpec, ...]:
    """Trees in a row."""
    species = ("platane", "tilleul", "érable", "frêne", "chêne", "cèdre")
    points: list[PointSpec] = []
    for n in range(lot.points):
        seed, name = lot.seed + n, species[(lot.number + n) % 6]
        tree = TreeSpec(
            *(between(seed, 10, 1300, 3600), between(seed, 11, 110, 230), between(seed, 12, 0, 4000)),
            name == "cèdre",
        )
        points.append(_TREE.point(lot, f"{name} {n + 1}", "decentlab/dl-zn1", 30 * MINUTE, tree=tree))
    return tuple(points)


def sap(lot: Lot) -> tuple[PointSpec, ...]:
    """A tree whose sap is followed."""
    tree = TreeSpec(between(lot.seed, 10, 1300, 3600), between(lot.seed, 11, 110, 230))
    return (_TREE.point(lot, "", "decentlab/dl-isf", 30 * MINUTE, tree=tree),)


def ground(lot: Lot) -> tuple[PointSpec, ...]:
    """A probe in a planted bed."""
    spec = GroundSpec(
        between(lot.seed, 10, 10, 45), between(lot.seed, 11, 0.2, 0.8, 2), watered=unit(lot.seed, 12) < 0.5
    )
    model: Model = "dragino/lse01" if lot.seed % 2 else "milesight/em500-smtc"
    return (_GROUND.point(lot, "", model, HOUR, ground=spec),)


def streets(lot: Lot) -> tuple[PointSpec, ...]:
    """A particle monitor in a street."""
    spec = StreetSpec(between(lot.seed, 10, 0.1, 1.6, 2))
    return (_STREET.point(lot, "", "decentlab/dl-pm", 10 * MINUTE, street=spec),)


def stations(lot: Lot) -> tuple[PointSpec, ...]:
    """A weather station."""
    return (_SKY.point(lot, "", "decentlab/dl-atm41", 10 * MINUTE, sky=SkySpec(between(lot.seed, 10, 0.6, 1.1, 2))),)
