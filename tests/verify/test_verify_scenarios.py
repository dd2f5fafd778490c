"""Whole scenarios through broker, ingest and database, on each grade: everything ends as the manifest says."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.demo.mosquitto import Broker
from services.verify.verdict import Verdict, table
from simulator.faults.registry import FAULTS
from tests.verify.arrival import arrived, declare, ingesting, simulate, working

ELSEWHERE = {"backlog"}
WITHOUT_MESSAGES = {"silent", "dead_gateway", "power_cut", "rejoin", "counter_reset"}


def passed(scenario: str, hours: int, database: str, broker: Broker, folder: Path, *options: str) -> Verdict:
    """The verdict on the last hours of a scenario."""
    manifest, log = folder / "manifest.sqlite", folder / "ingest.log"
    declare(database, scenario, folder)
    since = datetime.now(UTC) - timedelta(hours=hours)
    with working(database, folder / "worker.log"), ingesting(database, broker, log):
        sys.stdout.write(simulate(scenario, manifest, broker, since, f"{hours}h", *options))
        verdict = arrived(database, manifest, log)
    sys.stdout.write(table(verdict))
    assert verdict.no_ledger is None
    # Nobody was disconnected, so nothing was delivered more often than it was published.
    assert verdict.redelivered == 0
    assert verdict.tally("ledger").found > 60
    return verdict


def test_a_day_of_the_village_arrives(database: str, mosquitto: Broker, tmp_path: Path) -> None:
    verdict = passed("village", 24, database, mosquitto, tmp_path)
    assert verdict.sound, table(verdict)
    assert verdict.tally("uplinks").found > 3000
    assert verdict.tally("readings").found > 10_000


def test_everything_that_can_go_wrong_ends_as_expected(
    database: str, mosquitto: Broker, tmp_path: Path, grade: str
) -> None:
    encoding = "json" if grade == "embedded" else "protobuf"
    verdict = passed("hostile", 72, database, mosquitto, tmp_path, "--encoding", encoding)
    assert verdict.sound, table(verdict)
    done = {name for fault, *_ in verdict.fates.rows() for name in fault.split()}
    assert done >= FAULTS.keys() - WITHOUT_MESSAGES - ELSEWHERE


def test_hours_held_back_arrive(embedded_database: str, mosquitto: Broker, tmp_path: Path) -> None:
    """The short form of `outage`: ten hours, of which the last two come at once."""
    verdict = passed("outage", 10, embedded_database, mosquitto, tmp_path)
    assert verdict.sound, table(verdict)
    assert verdict.fates.messages["backlog", "decoded", "decoded"] > 1_000


def test_an_ingest_that_judges_wrongly_is_caught(embedded_database: str, mosquitto: Broker, tmp_path: Path) -> None:
    """Real ingest, with guards switched off by settings that nobody should choose."""
    manifest, log = tmp_path / "manifest.sqlite", tmp_path / "ingest.log"
    declare(embedded_database, "hostile", tmp_path)
    broken = {"REPEAT_WINDOW": "0", "LATE_AFTER": "P30D", "CLOCK_TOLERANCE": "P20D"}
    with ingesting(embedded_database, mosquitto, log, **broken):
        simulate("hostile", manifest, mosquitto, datetime.now(UTC) - timedelta(days=1), "1d")
        verdict = arrived(embedded_database, manifest, log)
    fates = verdict.fates
    assert not verdict.sound
    assert verdict.tally("uplinks").faults["doubled"] > 10, "repetitions were taken for frames"
    assert fates.messages["repeated", "repeat", "decoded"] > 10
    late = sum(count for (_, flag, raised), count in fates.flags.items() if flag == "LATE" and not raised)
    assert late > 5000
    assert verdict.tally("uplinks").faults["changed"] > 5, "frames were dated by clocks that are wrong"
    assert verdict.lost == 0
