"""The territory as CSV, in the columns that importing devices takes."""

from __future__ import annotations

import csv
from pathlib import Path

from simulator.errors import TargetError
from simulator.sampling.metering import PULSE_ENTRY, pulses
from simulator.scenario.load import organisation_paths
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
    "counted_quantity",
    "pulse_weight",
    "pulse_channel",
    "start_index",
    "start_pulses",
)
_PULSES = "watteco/pulse-senso"


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
            *_counted(point),
        )
        for site in scenario.sites
        for point in site.points
        if point.device.declared
    ]


def _counted(point: PointSpec) -> tuple[str, ...]:
    """What the pulses count, for each pulse, on which input; dial and pulses when the sensor was fitted."""
    if point.device.model != _PULSES:
        return "", "", "", "", ""
    if point.supply is not None:
        quantity, each, start = "energy_active_total", point.supply.wh_per_pulse, 1000 * point.supply.start_index
    elif point.meter is not None:
        quantity, each, start = "water_volume_total", point.meter.litres_per_pulse, point.meter.start_volume
    else:
        raise AssertionError(f"the scenario reader let {point.name!r} through without a meter")
    # Wh and litres; a store has kWh and cubic metres.
    return quantity, repr(each / 1000), str(PULSE_ENTRY), repr(start / 1000), str(pulses(start, each))


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
