"""The territory as CSV, in the columns that importing devices takes."""

from __future__ import annotations

import csv
from pathlib import Path

from simulator.errors import TargetError
from simulator.scenario.load import load, organisation_paths
from simulator.scenario.model import PointSpec, Scenario
from simulator.sensors import dev_eui_of

COLUMNS = (
    "dev_eui",
    "model",
    "organisation",
    "commune",
    "site",
    "address",
    "longitude",
    "latitude",
    "point",
    "theme",
    "purpose",
    "privacy",
    "published",
    "installed_at",
    "channel",
    "expected_interval",
    "mounting_height",
    "pulse_weight",
)


def rows(scenario: Scenario) -> list[tuple[str, ...]]:
    """One row per declared device, in the order of `COLUMNS`."""
    paths = dict(organisation_paths(scenario.organisation))
    return [
        (
            dev_eui_of(scenario, site, point),
            point.device.model,
            paths[site.organisation],
            site.commune,
            site.name,
            site.address,
            repr(site.longitude),
            repr(site.latitude),
            point.name,
            point.theme,
            point.purpose,
            point.privacy,
            "true" if point.published else "false",
            point.device.installed_at.isoformat(),
            point.device.channel,
            str(point.device.interval),
            "" if point.device.mounting_height is None else str(point.device.mounting_height),
            _pulse_weight(point),
        )
        for site in scenario.sites
        for point in site.points
        if point.device.declared
    ]


def _pulse_weight(point: PointSpec) -> str:
    """Cubic metres for each pulse of a water meter."""
    if point.meter is None or point.device.model != "watteco/pulse-senso":
        return ""
    return repr(point.meter.litres_per_pulse / 1000)


def write(scenario: Scenario, path: Path) -> None:
    """Writes the CSV (UTF-8, comma, one header line).

    Raises:
        TargetError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(rows(scenario))
    except OSError as error:
        raise TargetError(f"{path}: cannot be written: {error.strerror}") from error


def export(scenario: str | Path, path: Path) -> None:
    """Writes the territory of a scenario, by name or file.

    Raises:
        ScenarioError: the scenario cannot be read.
        TargetError: the file cannot be written.
    """
    write(load(scenario), path)
