"""Volumes and energy from pulses: what is shown of a pulse counter follows the meter it is wired to."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from services.demo.mosquitto import Broker
from services.verify.run import verify
from services.verify.verdict import table
from tests.verify.arrival import arrived, declare, ingesting, simulate

SCENARIO = """
scenario: pulses
title: Deux compteurs à impulsions
seed: 5
region: eu868
organisation: {name: Syndicat}
gateways:
  - {id: 0016c001ff000001, name: Mairie, latitude: 45.5, longitude: 4.2, altitude: 400, antenna_height: 20}
sites:
  - name: Réservoir
    organisation: Syndicat
    commune: "42279"
    address: 1 rue du Réservoir
    latitude: 45.501
    longitude: 4.201
    points:
      - name: Secteur
        theme: water
        purpose: Voir les fuites
        device: {model: watteco/pulse-senso, interval: 10m, installed_at: 2025-03-01T09:00:00+01:00}
        meter: {kind: network, litres_per_day: 400000, start_volume: 1234567, litres_per_pulse: 100}
      - name: Gymnase
        theme: energy
        purpose: Suivre l'énergie
        device: {model: watteco/pulse-senso, interval: 10m, installed_at: 2025-03-01T09:00:00+01:00}
        supply: {kind: gym, kwh_per_day: 80, kwh_per_degree_day: 10, start_index: 4321.9876, wh_per_pulse: 5}
"""


def test_what_is_shown_of_pulses_follows_the_meter(embedded_database: str, mosquitto: Broker, tmp_path: Path) -> None:
    scenario, manifest, log = tmp_path / "pulses.yaml", tmp_path / "manifest.sqlite", tmp_path / "ingest.log"
    scenario.write_text(SCENARIO)
    declare(embedded_database, str(scenario), tmp_path)
    with ingesting(embedded_database, mosquitto, log):
        simulate(str(scenario), manifest, mosquitto, datetime.now(UTC) - timedelta(hours=6), "6h")
        verdict = arrived(embedded_database, manifest, log)
    assert verdict.sound, table(verdict)
    derived = verdict.tally("derived")
    assert derived.expected == derived.found > 60
    assert derived.foreign == 0
    with psycopg.connect(embedded_database, autocommit=True) as stored:
        for theme, quantity, low, high in (
            # What the dial showed when it was fitted, and a year and a half of use more.
            ("water", "water_volume_total", 1234, 1_000_000),
            ("energy", "energy_active_total", 4321, 200_000),
        ):
            (last,) = stored.execute(
                "SELECT max(m.value) FROM reading_mapped m JOIN series s ON s.id = m.series"
                " JOIN point p ON p.id = s.point_id WHERE p.theme = %s AND s.quantity = %s",
                (theme, quantity),
            ).fetchone() or (None,)
            assert low < last < high
        for change, fault, many in (
            ("start_pulses = start_pulses + 2", "changed", 60),
            ("start_pulses = start_pulses - 2, start_index = start_index * 1.001", "changed", 60),
            ("pulse_weight = NULL", "missing", 60),
        ):
            stored.execute(f"UPDATE installation SET {change}")
            judged = verify(embedded_database, manifest)
            assert not judged.sound
            assert judged.tally("derived").faults[fault] > many  # pyright: ignore[reportArgumentType]
            assert judged.tally("readings").found == verdict.tally("readings").found


@pytest.mark.parametrize("given", ["meter", "supply", "both", "neither"])
def test_a_pulse_sensor_looks_at_one_meter(tmp_path: Path, given: str) -> None:
    from simulator.errors import ScenarioError
    from simulator.scenario.load import load

    meter, supply = "meter: {kind: gym, litres_per_day: 400}", "supply: {kind: gym, kwh_per_day: 80}"
    lines = {"meter": [meter], "supply": [supply], "both": [meter, supply], "neither": []}[given]
    head, _, _ = SCENARIO.partition("        meter: ")
    path = tmp_path / "one.yaml"
    path.write_text(head + "".join(f"        {line}\n" for line in lines))
    if len(lines) == 1:
        assert load(path).sites[0].points[0].device.model == "watteco/pulse-senso"
        return
    wanted = r"looks at one of them: meter, supply" if lines else r"needs the key 'meter' or 'supply'"
    with pytest.raises(ScenarioError, match=wanted):
        load(path)
