"""A scenario, sent through a broker and a real ingest process into a database, then judged."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from click.testing import CliRunner

from services.cli import main
from services.core.clock import system_clock
from services.core.storage.connect import connect
from services.core.storage.territory import import_territory
from services.core.territory_file import read
from services.core.vocabulary import sync_vocabulary
from services.demo.mosquitto import Broker
from services.demo.ports import free_port
from services.verify.run import verify
from services.verify.verdict import Verdict
from simulator.run import export

PATIENCE = 180


@contextmanager
def ingesting(database: str, broker: Broker, log: Path, **more: str) -> Iterator[None]:
    """`terroir ingest`, connected, until the end; `more` are settings without their prefix."""
    port = free_port()
    settings = {"DATABASE_URL": database, "MQTT_URL": broker.url, "INGEST_METRICS_PORT": str(port), **more}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TERROIR_")}
    environment |= {f"TERROIR_{name}": value for name, value in settings.items()}
    with log.open("ab") as out:
        command = [sys.executable, "-m", "services.cli", "ingest"]
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + PATIENCE
        # The session is there once it has subscribed, and from then on the broker keeps what is published.
        while not _connected(port):
            assert process.poll() is None, f"ingest has ended:\n{log.read_text()}"
            assert time.monotonic() < deadline, f"ingest did not connect:\n{log.read_text()}"
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def working(database: str, log: Path) -> Iterator[None]:
    """`terroir worker`, which keeps the ledger, until the end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TERROIR_")}
    with log.open("ab") as out:
        command = [sys.executable, "-m", "services.cli", "worker"]
        process = subprocess.Popen(
            command, env=environment | {"TERROIR_DATABASE_URL": database}, stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while "worker_started" not in log.read_text():
            assert process.poll() is None, f"the worker has ended:\n{log.read_text()}"
            assert time.monotonic() < deadline, f"the worker did not start:\n{log.read_text()}"
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


def _connected(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return b"terroir_ingest_connected 1.0" in answer.read()
    except OSError:
        return False


def declare(database: str, scenario: str, folder: Path) -> None:
    """The scenario's declared devices, as `terroir devices import` would."""
    territory = folder / "territory.csv"
    export(scenario, territory)
    with connect(database, autocommit=True) as connection:
        sync_vocabulary(connection)
        import_territory(connection, read(territory), system_clock())


def simulate(scenario: str, manifest: Path, broker: Broker, since: datetime, duration: str, *options: str) -> str:
    """`terroir simulate`, as fast as it goes; what it printed."""
    arguments = [
        "simulate",
        scenario,
        "--manifest",
        str(manifest),
        "--mqtt",
        broker.url,
        "--since",
        f"{since:%Y-%m-%dT%H:%M:%S%z}",
    ]
    result = CliRunner().invoke(main, [*arguments, "--for", duration, "--speed", "max", "--quiet", *options])
    assert result.exit_code == 0, result.output
    return result.output


def arrived(database: str, manifest: Path, log: Path) -> Verdict:
    """The verdict once everything has arrived, and is in the ledger where a worker keeps one; the last one when that
    takes too long."""
    deadline = time.monotonic() + PATIENCE
    while verify(database, manifest, ledger_patience=None).lost and time.monotonic() < deadline:
        time.sleep(0.3)
    sys.stdout.write(log.read_text()[-4000:])
    return verify(database, manifest, ledger_patience=timedelta(seconds=PATIENCE))
