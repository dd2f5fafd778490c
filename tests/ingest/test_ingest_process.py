"""The process as it runs: killed, stopped, cut off from its database or broker, it loses and doubles nothing."""

import base64
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from services.core.storage.connect import connect
from services.core.storage.migrate import migrate
from services.core.vocabulary import sync_vocabulary
from services.demo.ports import free_port
from services.demo.postgres import Server, embedded_binaries

DEVICES = [f"24e124707c0000{n:02x}" for n in range(10)]
PROGRAM = """
import signal, threading
from services.core.clock import system_clock
from services.core.settings import load
from services.ingest.run import run
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
run(load(), system_clock, stop)
"""


CUT_OFF = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'terroir-ingest%'"


class Ingest:
    """One ingest process; its output is shown when a test fails."""

    program = PROGRAM

    def __init__(self, database: str, broker_url: str, log: Path, **settings: object) -> None:
        self.port = free_port()
        values = {
            "database_url": database,
            "mqtt_url": broker_url,
            "ingest_metrics_port": self.port,
            "batch_messages": 100,
            "mqtt_receive_maximum": 300,
            **settings,
        }
        self._environment: dict[str, str] = {}
        self.change(**values)
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None

    def change(self, **settings: object) -> None:
        """For the next start."""
        self._environment |= {f"TERROIR_{name.upper()}": str(value) for name, value in settings.items()}

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TERROIR_")}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", self.program], env=environment | self._environment, stdout=log, stderr=log
            )

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def sample(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(f"{name} "):
                    return float(line.split()[-1])
        return 0.0

    def connected(self) -> bool:
        try:
            return self.sample("terroir_ingest_connected") == 1
        except OSError:
            assert self.process is not None
            assert self.process.poll() is None, "ingest has ended"
            return False


@contextmanager
def ingesting(*processes: Ingest) -> Iterator[None]:
    for process in processes:
        process.start()
    try:
        for process in processes:
            eventually(process.connected)
        yield
    finally:
        for process in processes:
            if process.process is not None and process.process.poll() is None:
                process.kill()
            sys.stdout.write(process._log.read_text()[-6000:])


def eventually(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def event(number: int) -> tuple[str, bytes]:
    """Frame ``number``: its device's next, with a temperature of its own."""
    dev_eui = DEVICES[number % len(DEVICES)]
    at = datetime.now(UTC).isoformat()
    body = {
        "deduplicationId": str(UUID(int=number + 1)),
        "time": at,
        "deviceInfo": {"devEui": dev_eui},
        "devAddr": "01343968",
        "fCnt": number,
        "fPort": 85,
        "data": base64.b64encode(b"\x03\x67" + (number % 400).to_bytes(2, "little")).decode(),
        "rxInfo": [{"gatewayId": "0016c001f153a14c", "nsTime": at, "rssi": -74}],
    }
    return f"application/a/device/{dev_eui}/event/up", json.dumps(body).encode()


def declare_all(url: str) -> None:
    with connect(url, autocommit=True) as connection:
        sync_vocabulary(connection)
        connection.execute("INSERT INTO organisation (name, created_at) VALUES ('Commune', now())")
        connection.execute("INSERT INTO site (organisation_id, name) SELECT id, 'École' FROM organisation")
        for dev_eui in DEVICES:
            connection.execute(
                "INSERT INTO point (organisation_id, site_id, theme, name, created_at)"
                " SELECT organisation_id, id, 'air', %s, now() FROM site",
                (dev_eui,),
            )
            connection.execute(
                "INSERT INTO device (dev_eui, organisation_id, model_id, declared_at)"
                " SELECT %s, id, 'milesight/am300', now() FROM organisation",
                (dev_eui,),
            )
            connection.execute(
                "INSERT INTO installation (dev_eui, point_id, period)"
                " SELECT %s, id, '[2020-01-01,)' FROM point WHERE name = %s",
                (dev_eui, dev_eui),
            )


def stored(url: str) -> int:
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            return connection.execute("SELECT count(DISTINCT deduplication_id) FROM uplink").fetchone()[0]
    except psycopg.OperationalError:
        return -1


def assert_exactly(url: str, count: int) -> None:
    """Each frame once, each with its reading, and nothing besides."""
    with psycopg.connect(url, autocommit=True) as connection:

        def value(statement: str) -> int:
            return connection.execute(statement).fetchone()[0]

        assert value("SELECT count(*) FROM uplink") == count
        assert value("SELECT count(DISTINCT deduplication_id) FROM uplink") == count
        assert value("SELECT count(*) FROM reading r JOIN uplink u ON u.id = r.uplink") == count
        assert (
            value("SELECT count(*) FROM reading r JOIN uplink u ON u.id = r.uplink WHERE value * 10 <> f_cnt % 400")
            == 0
        )
        assert value("SELECT count(*) FROM reception") == count
        assert value("SELECT sum(uplinks) FROM device_state") == count
        assert value("SELECT count(*) FROM quarantine") == 0


class Load:
    """Publishes frames at a steady pace in a thread until told to stop; everything is taken by the broker."""

    def __init__(self, publisher, copies: int = 1) -> None:
        self.sent = 0
        self._publisher = publisher
        self._copies = copies
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            events = [event(self.sent + n) for n in range(20)]
            self._publisher.send(events * self._copies)
            self.sent += 20

    def until(self, count: int) -> None:
        eventually(lambda: self.sent >= count)


def test_killed_again_and_again(database, mosquitto, publisher, tmp_path):
    """Also by turns with one client and the other: the session they serve is the same."""
    declare_all(database)
    dice = random.Random(4)
    ingest = Ingest(database, mosquitto.url, tmp_path / "ingest.log", mqtt_client="fast")
    with ingesting(ingest):
        with Load(publisher) as load:
            for client in ("paho", "fast", "paho", "fast"):
                load.until(load.sent + dice.randrange(100, 300))
                ingest.kill()
                load.until(load.sent + 40)
                ingest.change(mqtt_client=client)
                ingest.start()
                eventually(ingest.connected)
        eventually(lambda: stored(database) == load.sent)
        assert ingest.end() == 0
    assert_exactly(database, load.sent)


@pytest.fixture(params=["fast", "paho"])
def client(request: pytest.FixtureRequest) -> str:
    return request.param


def test_killed_while_a_batch_is_open(embedded_database, mosquitto, publish, tmp_path, client):
    """The broker must hear of a batch only after its commit: here the store is held up in the middle of one."""
    declare_all(embedded_database)
    ingest = Ingest(embedded_database, mosquitto.url, tmp_path / "ingest.log", mqtt_client=client)
    with ingesting(ingest):
        for turn, table in enumerate(("seen", "uplink", "reading", "device_state")):
            with psycopg.connect(embedded_database) as holding:
                holding.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
                # New ones each time: those of the turn before may be stored already, and touch no table but `seen`.
                publish(mosquitto, [event(number) for number in range(100 * turn, 100 * turn + 100)])
                eventually(lambda: is_held_up(embedded_database))
                ingest.kill()
            ingest.start()
            eventually(ingest.connected)
        eventually(lambda: stored(embedded_database) == 400)
        assert ingest.end() == 0
    assert_exactly(embedded_database, 400)


def is_held_up(url: str) -> bool:
    with psycopg.connect(url, autocommit=True) as connection:
        waiting = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'terroir-ingest%'"
            " AND wait_event_type = 'Lock' AND datname = current_database()"
        )
        return waiting.fetchone()[0] > 0


def test_a_stop_finishes_the_open_batch(embedded_database, mosquitto, publisher, tmp_path):
    declare_all(embedded_database)
    ingest = Ingest(embedded_database, mosquitto.url, tmp_path / "ingest.log")
    with ingesting(ingest), Load(publisher) as load:
        load.until(300)
        eventually(lambda: stored(embedded_database) > 0)
        assert ingest.end() == 0
        assert_exactly(embedded_database, stored(embedded_database))
        ingest.start()
    with ingesting(ingest):
        eventually(lambda: stored(embedded_database) == load.sent)
        assert ingest.end() == 0
    assert_exactly(embedded_database, load.sent)


def test_a_broker_restarted_under_load(embedded_database, mosquitto, publisher, tmp_path, client):
    declare_all(embedded_database)
    ingest = Ingest(embedded_database, mosquitto.url, tmp_path / "ingest.log", mqtt_client=client)
    with ingesting(ingest):
        with Load(publisher) as load:
            for _ in range(2):
                load.until(load.sent + 150)
                mosquitto.restart()
        eventually(lambda: stored(embedded_database) == load.sent)
    assert_exactly(embedded_database, load.sent)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A database server of this test's own, as durable as in production."""
    with Server(embedded_binaries(), tmp_path / "postgres") as server:
        yield server


def test_a_database_that_comes_and_goes(own_server, mosquitto, publisher, tmp_path):
    """Stopped, killed and connections cut under load: nothing acknowledged is lost, nothing is doubled."""
    url = own_server.url()
    migrate(own_server.conninfo())
    declare_all(url)
    ingest = Ingest(url, mosquitto.url, tmp_path / "ingest.log")
    with ingesting(ingest):
        with Load(publisher) as load:
            for interrupt in (own_server.stop, own_server.kill, own_server.kill):
                load.until(load.sent + 200)
                interrupt()
                load.until(load.sent + 200)
                own_server.start()
                eventually(lambda: stored(url) > 0)
            with psycopg.connect(url, autocommit=True) as connection:
                for _ in range(3):
                    load.until(load.sent + 60)
                    connection.execute(CUT_OFF)
        eventually(lambda: stored(url) == load.sent)
        assert ingest.end() == 0
    assert_exactly(url, load.sent)


def test_two_processes_share_traffic_full_of_duplicates(database, mosquitto, publisher, tmp_path):
    declare_all(database)
    shared = {"mqtt_topic": "$share/terroir/application/+/device/+/event/+"}
    members = [
        Ingest(database, mosquitto.url, tmp_path / f"{name}.log", mqtt_client_id=name, **shared)
        for name in ("one", "two")
    ]
    with ingesting(*members):
        with Load(publisher, copies=3) as load:
            load.until(600)
        eventually(lambda: stored(database) == load.sent)
        eventually(
            lambda: (
                sum(m.sample('terroir_ingest_messages_total{outcome="duplicate",reason=""}') for m in members)
                == 2 * load.sent
            )
        )
        assert sum(m.sample('terroir_ingest_messages_total{outcome="retry",reason=""}') for m in members) == 0
        assert min(m.sample('terroir_ingest_messages_total{outcome="stored",reason=""}') for m in members) > 0
        assert [m.end() for m in members] == [0, 0]
    assert_exactly(database, load.sent)


def test_an_older_schema_is_refused(embedded_server, mosquitto, tmp_path):
    with embedded_server.database("template1") as url:
        ingest = Ingest(url, mosquitto.url, tmp_path / "ingest.log")
        ingest.start()
        assert ingest.process is not None
        assert ingest.process.wait(30) != 0
    assert "SchemaBehind" in (tmp_path / "ingest.log").read_text()
