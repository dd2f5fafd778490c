"""Publishing to a real broker: everything arrives, is acknowledged, and survives the broker's death."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from services.demo.mosquitto import Broker
from simulator.errors import TargetError
from simulator.run import Options, Progress, run

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Listener:
    """Counts what a subscriber gets."""

    def __init__(self) -> None:
        self.got: Counter[tuple[str, bytes]] = Counter()
        self._more = threading.Condition()

    def take(self, message: mqtt.MQTTMessage) -> None:
        with self._more:
            self.got[message.topic, sha256(message.payload).digest()] += 1
            self._more.notify()

    def wait_for(self, messages: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: len(self.got) >= messages, timeout=30), len(self.got)


@contextmanager
def listening(url: str) -> Iterator[Listener]:
    listener, ready = Listener(), threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_message = lambda _client, _userdata, message: listener.take(message)
    client.on_connect = lambda c, *_: c.subscribe("application/+/device/+/event/+", qos=1)
    client.on_subscribe = lambda *_: ready.set()
    parts = urlsplit(url)
    client.connect(parts.hostname or "", parts.port or 1883)
    client.loop_start()
    try:
        assert ready.wait(10)
        yield listener
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.fixture
def options(hamlet: Path, tmp_path: Path, mosquitto: Broker) -> Options:
    return Options(
        scenario=hamlet,
        manifest=tmp_path / "manifest.db",
        mqtt_url=mosquitto.url,
        since=NOW - 2 * DAY,
        until=NOW,
        speed="max",
        clock=lambda: NOW,
    )


def sent(manifest: Path) -> dict[tuple[str, bytes], tuple[int, int]]:
    with closing(sqlite3.connect(manifest)) as db:
        return {
            (topic, digest): (copies, acknowledged)
            for topic, digest, copies, acknowledged in db.execute(
                "SELECT topic, body_sha256, copies, acknowledged FROM message"
            )
        }


def test_everything_arrives_and_is_acknowledged(options: Options) -> None:
    assert options.mqtt_url is not None
    with listening(options.mqtt_url) as listener:
        summary = run(options)
        listener.wait_for(summary.messages)
    assert summary.outstanding == 0
    assert summary.acknowledged == summary.copies
    held = sent(options.manifest)
    assert listener.got.keys() == held.keys()
    assert {key: (count, count) for key, count in listener.got.items()} == held


def test_nothing_is_missing_when_the_broker_dies_and_comes_back(options: Options, mosquitto: Broker) -> None:
    """What had no PUBACK is sent again; every message is acknowledged at the end."""
    killed = threading.Event()

    def kill_once(progress: Progress) -> None:
        if progress.done > 600 and not killed.is_set():
            killed.set()
            mosquitto.kill()
            threading.Timer(0.5, mosquitto.start).start()

    summary = run(replace(options, since=NOW - 10 * DAY, progress=kill_once))
    assert killed.is_set()
    assert summary.outstanding == 0
    assert all(copies == acknowledged for copies, acknowledged in sent(options.manifest).values())


def test_a_run_ends_when_stopped_without_a_broker(options: Options, mosquitto: Broker) -> None:
    stop = threading.Event()

    def kill_and_stop(progress: Progress) -> None:
        if progress.done > 600 and not stop.is_set():
            mosquitto.kill()
            stop.set()

    summary = run(replace(options, since=NOW - 10 * DAY, progress=kill_and_stop, stop=stop))
    unacknowledged = sum(acknowledged == 0 for _, acknowledged in sent(options.manifest).values())
    assert summary.acknowledged < summary.messages
    assert unacknowledged >= 1
    assert summary.messages == len(sent(options.manifest))


def test_no_broker_is_told(options: Options, mosquitto: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    mosquitto.stop()
    monkeypatch.setattr("simulator.targets.mqtt.CONNECT_WITHIN", 0.5)
    with pytest.raises(TargetError, match=r"no MQTT broker at 127\.0\.0\.1:\d+: .*refused; start it or mend"):
        run(options)
