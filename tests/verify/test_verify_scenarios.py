"""Whole scenarios through broker, ingest and database, on each grade: everything ends as the manifest says."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.demo.mosquitto import Broker
from services.verify.verdict import Verdict, table
from simulator.faults.registry import FAULTS
from tests.verify.arrival import arrived, declare, ingesting, simulate

WITHOUT_MESSAGES = {"silent", "dead_gateway", "power_cut", "rejoin", "counter_reset"}


def passed(scenario: str, days: int, database: str, broker: Broker, folder: Path, *options: str) -> Verdict:
    """The verdict on the last days of a scenario."""
    manifest, log = folder / "manifest.sqlite", folder / "ingest.log"
    declare(database, scenario, folder)
    since = datetime.now(UTC) - timedelta(days=days)
    with ingesting(database, broker, log):
        sys.stdout.write(simulate(scenario, manifest, broker, since, f"{days}d", *options))
        verdict = arrived(database, manifest, log)
    sys.stdout.write(table(verdict))
    return verdict


def test_a_day_of_the_village_arrives(database: str, mosquitto: Broker, tmp_path: Path) -> None:
    verdict = passed("village", 1, database, mosquitto, tmp_path)
    assert verdict.sound, table(verdict)
    assert verdict.tally("uplinks").found > 3000
    assert verdict.tally("readings").found > 10_000


@pytest.mark.parametrize("encoding", ["json"])
def test_everything_that_can_go_wrong_ends_as_expected(
    database: str, mosquitto: Broker, tmp_path: Path, encoding: str
) -> None:
    verdict = passed("hostile", 3, database, mosquitto, tmp_path, "--encoding", encoding)
    assert verdict.sound, table(verdict)
    done = {name for fault, *_ in verdict.fates.rows() for name in fault.split()}
    assert done >= FAULTS.keys() - WITHOUT_MESSAGES
