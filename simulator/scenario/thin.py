"""A scenario with fewer devices: the same territory, every model in its share, whoever is left unchanged."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from simulator.errors import OptionError
from simulator.noise import mix, seed_of
from simulator.scenario.model import Scenario


def thinned(scenario: Scenario, devices: int | None) -> Scenario:
    """The scenario with about so many devices, at least one of each model; as it is when None or when it has no more.

    Who stays follows from the names of the scenario, its sites and points, not from the seed; of two numbers the
    larger keeps all that the smaller does. Sites and gateways stay; sites without devices go.

    Raises:
        OptionError: no device would be left.
    """
    points = [(site_at, at) for site_at, site in enumerate(scenario.sites) for at in range(len(site.points))]
    if devices is None or devices >= len(points):
        return scenario
    if devices < 1:
        raise OptionError(f"devices is 1 or more, not {devices}")
    of_model: defaultdict[str, list[tuple[int, tuple[int, int]]]] = defaultdict(list)
    for site_at, at in points:
        site = scenario.sites[site_at]
        point = site.points[at]
        drawn = mix(seed_of(scenario.scenario, site.name, point.name, point.device.channel), 0)
        of_model[point.device.model].append((drawn, (site_at, at)))
    kept = {
        place
        for those in of_model.values()
        for _, place in sorted(those)[: max(1, round(len(those) * devices / len(points)))]
    }
    sites = (
        replace(site, points=tuple(point for at, point in enumerate(site.points) if (number, at) in kept))
        for number, site in enumerate(scenario.sites)
    )
    return replace(scenario, sites=tuple(site for site in sites if site.points))
