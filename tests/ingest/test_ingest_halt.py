"""The process as it runs, when a release cannot read the frames: it stops by itself, says so, and loses nothing."""

import json

import psycopg
from click.testing import CliRunner

from services.cli import main
from tests.ingest.test_ingest_process import (
    DEVICES,
    PROGRAM,
    Ingest,
    assert_exactly,
    declare_all,
    event,
    eventually,
    ingesting,
    stored,
)

BROKEN = f"""
from services.ingest import chirpstack_json
def parse_up(body):
    raise ZeroDivisionError("a bug of this release")
chirpstack_json.parse_up = parse_up
{PROGRAM}
"""


class BrokenIngest(Ingest):
    """A release whose parser fails on every frame."""

    program = BROKEN


def value(url: str, statement: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchone()[0]


def halted(ingest: Ingest) -> bool:
    try:
        return ingest.sample("terroir_ingest_halted") == 1
    except OSError:
        assert ingest.process is not None
        assert ingest.process.poll() is None, "ingest has ended"
        return False


def terroir(url: str, broker_url: str, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments, env={"TERROIR_DATABASE_URL": url, "TERROIR_MQTT_URL": broker_url})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.output


def test_a_broken_release_holds_the_traffic_until_it_is_mended(embedded_database, mosquitto, publish, tmp_path):
    url, log = embedded_database, tmp_path / "ingest.log"
    declare_all(url)
    good, broken = Ingest(url, mosquitto.url, log), BrokenIngest(url, mosquitto.url, log)
    with ingesting(good):
        publish(mosquitto, [event(n) for n in range(100)])
        eventually(lambda: stored(url) == 100)
        good.end()
    publish(mosquitto, [event(n) for n in range(100, 400)])
    with ingesting(broken):
        eventually(lambda: halted(broken))
        publish(mosquitto, [event(n) for n in range(400, 600)])
        # Killed and started again and again, as by a supervisor: it must not slip through bit by bit.
        for _ in range(3):
            broken.kill()
            broken.start()
            eventually(lambda: halted(broken))
        # What may slip through before enough devices are concerned: five of ten, and four after each restart.
        assert value(url, "SELECT count(*) FROM quarantine") <= 5 + 3 * 4
        status, shown = terroir(url, mosquitto.url, "status")
        assert status == 1
        assert "terroir-ingest-0 has halted" in shown
        assert "devices cannot be read (parser_crashed: ZeroDivisionError('a bug of this release'))" in shown
        assert stored(url) == 100
        assert broken.end() == 0, "told to stop, it ends in order"
    assert "ingest_halted" in log.read_text()
    with ingesting(good):
        eventually(
            lambda: value(url, "SELECT (SELECT count(*) FROM uplink) + (SELECT count(*) FROM quarantine)") == 600
        )
        eventually(lambda: value(url, "SELECT count(*) FROM ingest_halt") == 0)
        assert good.end() == 0
    assert terroir(url, mosquitto.url, "replay")[0] == 0
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM quarantine WHERE resolved_as = 'stored'")
    assert_exactly(url, 600)


def test_frames_of_another_format_are_accepted_and_the_rest_is_stored(embedded_database, mosquitto, publish, tmp_path):
    """The network server sent v3 events for a while; an operator lets them go to quarantine."""
    url = embedded_database
    declare_all(url)
    ingest = Ingest(url, mosquitto.url, tmp_path / "ingest.log")
    with ingesting(ingest):
        publish(mosquitto, [event(n) for n in range(50)])
        eventually(lambda: stored(url) == 50)
        foreign = [
            (
                f"application/1/device/{dev_eui}/event/up",
                json.dumps({"applicationID": "1", "devEUI": dev_eui, "fCnt": n, "data": "A2fIAA=="}).encode(),
            )
            for n in range(30)
            for dev_eui in DEVICES
        ]
        publish(mosquitto, foreign)
        eventually(lambda: halted(ingest))
        publish(mosquitto, [event(n) for n in range(50, 150)])
        eventually(lambda: value(url, "SELECT count(*) FROM ingest_halt") == 1)
        # Accepted while it is down: it finds that out.
        ingest.kill()
        assert terroir(url, mosquitto.url, "quarantine", "accept") == (
            0,
            "accepted: terroir-ingest-0 will quarantine what cannot be read until the traffic is well again\n",
        )
        ingest.start()
        eventually(lambda: stored(url) == 150)
        assert value(url, "SELECT count(*) FROM quarantine") == 300
        eventually(lambda: value(url, "SELECT count(*) FROM ingest_halt") == 0)
        assert terroir(url, mosquitto.url, "quarantine", "accept")[0] == 1
        # Well again, so it watches again; accepted while it runs, it goes on.
        publish(mosquitto, [(topic, body.replace(b'"1"', b'"2"')) for topic, body in foreign])
        eventually(lambda: halted(ingest))
        eventually(lambda: terroir(url, mosquitto.url, "quarantine", "accept")[0] == 0)
        eventually(lambda: value(url, "SELECT count(*) FROM quarantine") == 600)
        assert ingest.sample("terroir_ingest_halted") == 0
        assert ingest.end() == 0
