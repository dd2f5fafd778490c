"""Checks of `faults.happen` that need more than one value."""

from __future__ import annotations

from simulator.catalogue import MODELS
from simulator.faults.registry import FAULTS
from simulator.scenario.faults import HappeningSpec
from simulator.scenario.model import Scenario
from simulator.scenario.reader import Reader


def check_happenings(scenario: Scenario, reader: Reader) -> None:
    """Raises ScenarioError, naming the place and what is allowed there."""
    points = {point.name for site in scenario.sites for point in site.points}
    gateways = {gateway.id for gateway in scenario.gateways}
    for number, spec in enumerate(scenario.faults.happen):
        path = f"faults.happen[{number}]"
        _check_numbers(spec, reader, path)
        for key, given, known in (
            ("points", spec.points, points),
            ("models", spec.models, MODELS.keys()),
            ("gateways", spec.gateways, gateways),
        ):
            for name in given:
                if name not in known:
                    raise reader.error(f"{path}.{key}", f"there is no {key[:-1]} {name!r} in this scenario")


def _check_numbers(spec: HappeningSpec, reader: Reader, path: str) -> None:
    for key, share in (("rate", spec.rate), ("share", spec.share)):
        if not 0 < share <= 1:
            raise reader.error(f"{path}.{key}", f"expected a share above 0, up to 1, found {share}")
    for key in FAULTS[spec.fault].wants:
        if not getattr(spec, key):
            raise reader.error(path, f"{spec.fault!r} needs the key {key!r}")
    if spec.gateways and spec.fault != "dead_gateway":
        raise reader.error(
            f"{path}.gateways", "only 'dead_gateway' takes gateways; devices are chosen by points or models"
        )
