"""The services as processes: they come up, and end in order when told to."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from services.demo.mosquitto import Broker
from services.demo.ports import free_port

PATIENCE = 60


@contextmanager
def process(name: str, settings: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TERROIR_", "PG"))}
    running = subprocess.Popen(
        [sys.executable, "-m", "services.cli", name],
        env={**kept, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def wait_for(running: "subprocess.Popen[str]", port: int, path: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            try:
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    return
            except OSError:
                assert running.poll() is None, running.communicate()[0]
                assert time.monotonic() < deadline, "does not come up"
                time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("name", "setting", "path"),
    [
        ("ingest", "TERROIR_INGEST_METRICS_PORT", "/metrics"),
        ("worker", "TERROIR_WORKER_METRICS_PORT", "/metrics"),
        ("api", "TERROIR_PORT", "/health/ready"),
    ],
)
def test_a_service_ends_in_order(
    embedded_database: str, mosquitto: Broker, name: str, setting: str, path: str, number: signal.Signals
) -> None:
    port = free_port()
    settings = {
        "TERROIR_DATABASE_URL": embedded_database,
        "TERROIR_MQTT_URL": mosquitto.url,
        setting: str(port),
    }
    with process(name, settings) as running:
        wait_for(running, port, path)
        running.send_signal(number)
        output, _ = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, output
    assert "Traceback" not in output


def test_a_topic_that_cannot_hold_events_is_named(embedded_database: str) -> None:
    settings = {"TERROIR_DATABASE_URL": embedded_database, "TERROIR_MQTT_TOPIC": "application/+/device/event"}
    with process("ingest", settings) as running:
        output, _ = running.communicate(timeout=PATIENCE)
    assert running.returncode == 2, output
    assert "TERROIR_MQTT_TOPIC" in output
    assert "Traceback" not in output
