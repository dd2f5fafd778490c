"""Devices with their keys, and gateways, as CSV for whoever registers them with a network server.

The keys are computed from the seed, so everyone who has the scenario has them: never for devices that exist.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path

from simulator.errors import TargetError
from simulator.scenario.load import load
from simulator.scenario.model import PointSpec, Scenario, SiteSpec
from simulator.sensors import dev_eui_of, name_of

DEVICE_COLUMNS = (
    "dev_eui",
    "join_eui",
    "app_key",
    "name",
    "model",
    "application",
    "region",
    "mac_version",
    "reg_params_revision",
    "device_class",
    "activation",
    "declared",
    "tags",
)
STATS_INTERVAL = 30  # seconds
GATEWAY_COLUMNS = ("gateway_id", "name", "latitude", "longitude", "altitude", "region", "stats_interval")


def app_key_of(scenario: str, seed: int, dev_eui: str) -> bytes:
    """16 bytes that depend on the scenario's name, the seed and the DevEUI."""
    text = "\x1f".join((scenario, str(seed), dev_eui))
    return blake2b(text.encode(), digest_size=16, person=b"terroir AppKey").digest()


def join_eui_of(scenario: str) -> str:
    """One JoinEUI for a scenario; its "local" bit is set (IEEE 802), so it is nobody's."""
    digest = blake2b(scenario.encode(), digest_size=8, person=b"terroir JoinEUI").digest()
    return bytes(((digest[0] & 0xFC) | 0x02, *digest[1:])).hex()


def device_rows(scenario: Scenario, seed: int) -> list[tuple[str, ...]]:
    """One row per device, declared or not, in the order of `DEVICE_COLUMNS`."""
    return [_device(scenario, seed, site, point) for site in scenario.sites for point in site.points]


def _device(scenario: Scenario, seed: int, site: SiteSpec, point: PointSpec) -> tuple[str, ...]:
    dev_eui = dev_eui_of(scenario, site, point)
    return (
        dev_eui,
        join_eui_of(scenario.scenario),
        app_key_of(scenario.scenario, seed, dev_eui).hex(),
        name_of(point.device.model, dev_eui),
        point.device.model,
        point.theme,
        scenario.region.upper(),
        "1.0.4",
        "RP002-1.0.4",
        "A",
        "OTAA",
        "true" if point.device.declared else "false",
        f"commune={site.commune}",
    )


def gateway_rows(scenario: Scenario) -> list[tuple[str, ...]]:
    """One row per gateway, in the order of `GATEWAY_COLUMNS`."""
    return [
        (
            g.id,
            g.name,
            repr(g.latitude),
            repr(g.longitude),
            repr(g.altitude),
            scenario.region.upper(),
            str(STATS_INTERVAL),
        )
        for g in scenario.gateways
    ]


def export_devices(scenario: str | Path, seed: int | None, path: Path) -> None:
    """Writes the devices of a scenario, by name or file; the seed is the scenario's unless given.

    Raises:
        ScenarioError: the scenario cannot be read.
        TargetError: the file cannot be written.
    """
    loaded = load(scenario)
    _write(path, DEVICE_COLUMNS, device_rows(loaded, loaded.seed if seed is None else seed))


def export_gateways(scenario: str | Path, path: Path) -> None:
    """Writes the gateways of a scenario. Raises as `export_devices`."""
    _write(path, GATEWAY_COLUMNS, gateway_rows(load(scenario)))


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)
    except OSError as error:
        raise TargetError(f"{path}: cannot be written: {error.strerror}") from error
