"""From counts per commune to gateways, sites and points: how a large territory fits on a page.

Everything drawn (places, sizes, models, dates) depends on names alone, not on the scenario's seed: another seed is
other weather over the same territory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import datetime, timedelta

from simulator.noise import normal, seed_of, unit
from simulator.scenario.counts import CommuneSpec, CountsSpec, FleetSpec
from simulator.scenario.kinds import KINDS, Lot
from simulator.scenario.model import (
    Eui,
    GatewaySpec,
    OrganisationSpec,
    Scenario,
    SiteSpec,
)
from simulator.scenario.names import commune_name

_KM_PER_DEGREE = 111.195
_CLOCKS = ("gps", "ntp", "ntp", "none")


def expand(scenario: Scenario) -> Scenario:
    """The scenario with its fleet written out; the same when it has none."""
    fleet = scenario.fleet
    if fleet is None:
        return scenario
    gateways, sites = list(scenario.gateways), list(scenario.sites)
    organisation = scenario.organisation
    for parent, communes in _communes(scenario, fleet):
        organisation = _with_children(organisation, parent, tuple(OrganisationSpec(c.name) for c in communes))
        for commune in communes:
            gateways += _gateways(scenario.scenario, commune)
            sites += _sites(scenario.scenario, commune, fleet)
    return replace(scenario, organisation=organisation, gateways=tuple(gateways), sites=tuple(sites), fleet=None)


def _communes(scenario: Scenario, fleet: FleetSpec) -> Iterator[tuple[str, list[CommuneSpec]]]:
    """(organisation above, communes) as written, then as drawn for each area."""
    if fleet.communes:
        yield fleet.under or scenario.organisation.name, list(fleet.communes)
    for area in fleet.areas:
        seed = seed_of(scenario.scenario, area.name)
        sizes = [(rank + 1.5) ** -0.85 for rank in range(area.communes)]
        weights = [size / sum(sizes) for size in sizes]
        counts = _shared_out(area.devices, weights)
        masts = _split(area.gateways, weights)
        communes: list[CommuneSpec] = []
        for rank in range(area.communes):
            # Sunflower seeds: even over the disc, the largest commune in the middle.
            away = area.radius * math.sqrt(rank / area.communes)
            angle = 2.399963 * rank + 0.5 * unit(seed, rank)
            communes.append(
                CommuneSpec(
                    code=f"{int(area.first_code) + rank:05d}",
                    name=commune_name(int(area.first_code) + rank),
                    latitude=round(area.latitude + away * math.sin(angle) / _KM_PER_DEGREE, 4),
                    longitude=round(area.longitude + away * math.cos(angle) / _east(area.latitude), 4),
                    altitude=round(area.altitude + 60.0 * normal(seed, 1000 + rank)),
                    radius=round(0.7 + 7.0 * math.sqrt(weights[rank]), 1),
                    gateways=masts[rank],
                    devices=counts[rank],
                )
            )
        yield area.name, communes


def _split(total: int, weights: list[float]) -> list[int]:
    """Whole numbers in proportion to weights that sum up to `total` (largest remainders)."""
    shares = [total * weight for weight in weights]
    counts = [int(share) for share in shares]
    order = sorted(range(len(shares)), key=lambda n: counts[n] - shares[n])
    for n in order[: total - sum(counts)]:
        counts[n] += 1
    return counts


def _shared_out(devices: CountsSpec, weights: list[float]) -> list[CountsSpec]:
    shares = {field.name: _split(getattr(devices, field.name), weights) for field in fields(CountsSpec)}
    return [CountsSpec(**{name: counts[n] for name, counts in shares.items()}) for n in range(len(weights))]


def _east(latitude: float) -> float:
    """Kilometres in a degree of longitude."""
    return _KM_PER_DEGREE * math.cos(math.radians(latitude))


def _place(commune: CommuneSpec, seed: int, reach: float) -> tuple[float, float]:
    """A place in the disc of the commune, denser in the middle: latitude, longitude."""
    away = commune.radius * reach * unit(seed, 1) ** 0.7
    angle = 2 * math.pi * unit(seed, 2)
    latitude = commune.latitude + away * math.sin(angle) / _KM_PER_DEGREE
    return round(latitude, 5), round(commune.longitude + away * math.cos(angle) / _east(commune.latitude), 5)


def _gateways(scenario: str, commune: CommuneSpec) -> Iterator[GatewaySpec]:
    for n in range(commune.gateways):
        seed = seed_of(scenario, commune.code, "gateway", n)
        latitude, longitude = _place(commune, seed, 0.9 if n else 0.1)
        height = (30.0, 18.0, 24.0, 38.0)[n % 4]
        yield GatewaySpec(
            id=Eui(f"7276ff{seed & 0xFFFFFFFFFF:010x}"),
            name=f"{('Clocher', 'Mairie', 'Gymnase', 'Château d’eau')[n % 4]}, {commune.name}"
            + (f" {n // 4 + 1}" if n >= 4 else ""),
            latitude=latitude,
            longitude=longitude,
            altitude=round(commune.altitude + height, 1),
            antenna_height=height,
            antenna_gain=5.0,
            clock=_CLOCKS[seed % 4],
        )


def _sites(scenario: str, commune: CommuneSpec, fleet: FleetSpec) -> Iterator[SiteSpec]:
    span = max(1, int((fleet.installed_until - fleet.installed_from).total_seconds() // 86400))
    for name, kind in KINDS.items():
        count: int = getattr(commune.devices, name)
        for number in range(math.ceil(count / kind.at_a_site)):
            seed = seed_of(scenario, commune.code, name, number)
            latitude, longitude = _place(commune, seed, kind.reach)
            fitted: datetime = fleet.installed_from + timedelta(days=int(span * unit(seed, 3)))
            within = min(kind.at_a_site, count - number * kind.at_a_site)
            title = f"{kind.site} {number + 1}"
            yield SiteSpec(
                name=f"{title}, {commune.name}",
                organisation=commune.name,
                commune=commune.code,
                address=commune.name,
                latitude=latitude,
                longitude=longitude,
                points=kind.points(Lot(title, number, within, seed, fitted)),
            )


def _with_children(
    organisation: OrganisationSpec, parent: str, children: tuple[OrganisationSpec, ...]
) -> OrganisationSpec:
    if organisation.name == parent:
        return replace(organisation, children=organisation.children + children)
    below = tuple(_with_children(child, parent, children) for child in organisation.children)
    return replace(organisation, children=below)
