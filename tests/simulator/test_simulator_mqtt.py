"""Publishing to a real broker: everything arrives, is acknowledged, and survives the broker's death."""

from __future__ import annotations

import hashlib
import signal
import sqlite3
import subprocess
import sys
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, urlsplit

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from services.demo.mosquitto import CONFIGURATION, Broker
from simulator.errors import TargetError
from simulator.run import Options, Progress, run
from tests.certificates import certificates

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

    def wait_for_all(self, wanted: set[tuple[str, bytes]]) -> None:
        with self._more:
            assert self._more.wait_for(lambda: wanted <= self.got.keys(), timeout=30), len(wanted - self.got.keys())


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


RUN = """
import sys
from datetime import datetime
from pathlib import Path
from simulator.run import Options, run
scenario, manifest, url, since, until = sys.argv[1:]
since, until = datetime.fromisoformat(since), datetime.fromisoformat(until)
run(Options(scenario, Path(manifest), mqtt_url=url, since=since, until=until, speed="max"))
"""


def test_a_killed_run_is_continued_and_nothing_was_sent_unrecorded(options: Options) -> None:
    assert options.mqtt_url is not None
    since = NOW - 20 * DAY
    arguments = [str(options.scenario), str(options.manifest), options.mqtt_url, since.isoformat(), NOW.isoformat()]
    with listening(options.mqtt_url) as listener:
        killed = subprocess.Popen([sys.executable, "-c", RUN, *arguments])
        try:
            listener.wait_for(1500)
        finally:
            killed.kill()
        assert killed.wait(10) == -signal.SIGKILL, "it was to be killed at work"
        before = sent(options.manifest)
        summary = run(options)
        held = sent(options.manifest)
        # What had no acknowledgement when the run was killed may be there or not; so to count is not enough.
        listener.wait_for_all({key for key, (_, acknowledged) in held.items() if acknowledged})
    assert listener.got.keys() <= held.keys()
    assert summary.simulated_from > since
    assert len(held) > len(before) >= 1500
    with closing(sqlite3.connect(options.manifest)) as db:
        frames = "SELECT count(*) - count(DISTINCT dev_addr || f_cnt) FROM message WHERE event = 'up'"
        assert db.execute(frames).fetchone() == (0,)


def test_a_run_ends_when_stopped_without_a_broker(
    options: Options, mosquitto: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.run.FLUSH_WITHIN", 0.5)
    stop, killed = threading.Event(), threading.Event()

    def kill_and_stop_later(progress: Progress) -> None:
        if progress.done > 600 and not killed.is_set():
            killed.set()
            mosquitto.kill()
            threading.Timer(0.5, stop.set).start()

    summary = run(replace(options, since=NOW - 30 * DAY, progress=kill_and_stop_later, stop=stop))
    held = sent(options.manifest)
    assert summary.messages == len(held)
    assert summary.acknowledged == sum(acknowledged for _, acknowledged in held.values())
    assert any(acknowledged == 0 for _, acknowledged in held.values())


@contextmanager
def guarded(program: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """A broker that wants TLS, the user "simulateur" and the password "clé:42"."""
    folder.mkdir()
    salt = b"twelve bytes"
    digest = hashlib.pbkdf2_hmac("sha512", "clé:42".encode(), salt, 101)
    secret = f"$7$101${b64encode(salt).decode()}${b64encode(digest).decode()}"
    (folder / "passwords").write_text(f"simulateur:{secret}\n")
    server = certificates(folder).server
    for file in folder.iterdir():
        file.chmod(0o644)
    lines = (
        f"allow_anonymous false\npassword_file {folder}/passwords",
        f"certfile {server}\nkeyfile {server}",
    )
    settings = CONFIGURATION.replace("allow_anonymous true", "\n".join(lines))
    monkeypatch.setattr("services.demo.mosquitto.CONFIGURATION", settings)
    with Broker(program, folder) as broker:
        yield broker


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
def test_password_and_tls_of_the_address_are_used(
    options: Options, mosquitto_binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with guarded(mosquitto_binary, tmp_path / "guarded", monkeypatch) as broker:
        place = f"localhost:{broker.port}?ca={quote(str(tmp_path / 'guarded' / 'authority.pem'))}"
        good = replace(options, mqtt_url=f"mqtts://simulateur:cl%C3%A9%3A42@{place}")
        assert run(good).outstanding == 0
        with pytest.raises(TargetError, match=r"localhost:\d+ refuses: Not authorized; check user and password$"):
            run(replace(options, mqtt_url=f"mqtts://simulateur:secret@{place}"))
        with pytest.raises(TargetError, match=r"localhost:\d+: .*certificate verify failed.*; check the ca"):
            run(replace(options, mqtt_url=f"mqtts://localhost:{broker.port}"))


def test_no_broker_is_told(options: Options, mosquitto: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    mosquitto.stop()
    monkeypatch.setattr("simulator.targets.publisher.CONNECT_WITHIN", 0.5)
    with pytest.raises(TargetError, match=r"no MQTT broker at 127\.0\.0\.1:\d+: .*refused; start it or mend"):
        run(options)
