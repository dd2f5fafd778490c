"""Faults at gateway level, through a network server of the tests and a real ingest: frames, joins, statuses and log."""

import csv
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import psycopg

from services.demo.mosquitto import Broker
from services.verify.run import verify
from services.verify.verdict import Verdict, table
from simulator.gateways.inventory import export_devices
from simulator.gateways.run import AirOptions
from tests.simulator.application_events import Application
from tests.simulator.network_server import NetworkServer
from tests.simulator.test_gateway_level import play
from tests.verify.arrival import arrived, declare, ingesting

HAMLET = Path(__file__).parents[1] / "simulator" / "data" / "hamlet.yaml"
# Times of a scenario are times of the devices: 80 of its seconds pass in one. A counter that falls before its device
# has joined is none: whoever joins late, because a request or an answer was lost on air, has its turn later.
HAPPEN = """
  happen:
    - {fault: truncated, rate: 0.3}
    - {fault: impossible, rate: 0.3, models: [elsys/ers]}
    - {fault: repeated, rate: 0.3}
    - {fault: retransmitted, rate: 0.3}
    - {fault: delayed, rate: 0.1, by: 5s}
    - {fault: silent, points: ["Classe unique"], after: 8m, lasts: 10m}
    - {fault: rejoin, points: ["Verre"], after: 15m}
    - {fault: counter_refused, points: ["Tilleul"], after: 22m, lasts: 12m}
    - {fault: counter_refused, points: ["Tilleul"], after: 55m, lasts: 12m}
    - {fault: counter_refused, points: ["Tilleul"], after: 90m, lasts: 12m}
    - {fault: counter_refused, points: ["Tilleul"], after: 130m, lasts: 12m}
    - {fault: dead_gateway, gateways: ["0016c001ff000002"], after: 15m, lasts: 8m}
    - {fault: v3_payload, rate: 0.5}
    - {fault: clock_ahead, rate: 0.5}
"""


def judged(database: str, manifest: Path) -> Verdict:
    return verify(database, manifest)


def test_faults_end_as_expected_and_what_the_server_tells_is_compared(
    embedded_database: str, mosquitto: Broker, tmp_path: Path
) -> None:
    text = HAMLET.read_text()
    for interval in ("interval: 30m", "interval: 2h", "interval: 20m"):
        text = text.replace(interval, "interval: 6m")
    text = text.replace("duplicate_rate: 0.05", "duplicate_rate: 0.3").replace("order_rate: 0.1", "order_rate: 0.3")
    rates, found, rest = text.partition("loss_rate: 0.05")
    assert found
    scenario = tmp_path / "hamlet.yaml"
    scenario.write_text(rates + found + HAPPEN.rstrip() + rest)
    export_devices(scenario, None, tmp_path / "devices.csv")
    with (tmp_path / "devices.csv").open(encoding="utf-8") as file:
        keys = {row["dev_eui"]: bytes.fromhex(row["app_key"]) for row in csv.DictReader(file)}
    declare(embedded_database, str(scenario), tmp_path)
    application = Application()
    server = NetworkServer(keys, application)
    manifest, notices = tmp_path / "manifest.db", list[str]()
    options = AirOptions(
        scenario,
        manifest,
        mosquitto.url,
        faster=80,
        confirmed=0.3,
        stats_interval=5,
        stop=threading.Event(),
        notice=notices.append,
    )

    def enough() -> bool:
        told = application.sent
        return len(server.activations) >= 8 and len(server.refused) >= 1 and told["up"] > 40 and told["status"] >= 4

    with ingesting(embedded_database, mosquitto, tmp_path / "ingest.log"):
        summary = play(options, server, enough)
        verdict = arrived(embedded_database, manifest, tmp_path / "ingest.log")
    assert summary.outstanding == 0
    (notice,) = notices
    assert notice.endswith(": clock_ahead, v3_payload")
    assert verdict.sound, table(verdict)
    with closing(sqlite3.connect(manifest)) as db:
        joins = db.execute("SELECT count(*) FROM downlink WHERE kind = 'join'").fetchone()[0]
        answered = db.execute("SELECT count(*) FROM answered").fetchone()[0]
        planned = {fault for (fault,) in db.execute("SELECT DISTINCT fault FROM happening")}
    assert "v3_payload" not in planned
    assert planned >= {"silent", "dead_gateway", "rejoin", "counter_refused"}
    assert joins >= 7
    assert answered >= 3
    events = verdict.tally("events")
    assert events.expected >= joins + answered + 1
    done = {fault for fault, *_ in verdict.fates.rows()}
    assert done >= {"truncated", "repeated", "duplicate", "disorder"}
    assert verdict.fates.messages["truncated", "refused", "refused"] > 0
    with psycopg.connect(embedded_database, autocommit=True) as stored:
        for statement, fault in (
            ("INSERT INTO device_event SELECT * FROM device_event WHERE event = 'join'", "doubled"),
            ("DELETE FROM device_event WHERE event = 'join'", "missing"),
            ("DELETE FROM device_event WHERE event = 'status'", "missing"),
            ("DELETE FROM device_event WHERE event = 'log'", "missing"),
        ):
            stored.execute(statement)
            again = judged(embedded_database, manifest)
            assert not again.sound
            assert again.tally("events").faults[fault] > 0  # pyright: ignore[reportArgumentType]
        last = judged(embedded_database, manifest).tally("events")
        assert last.faults["missing"] == events.expected  # pyright: ignore[reportArgumentType]
