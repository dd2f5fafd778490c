"""The broker as we configure it: what it has acknowledged, it keeps."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from services.demo.child import FolderInUse, ServerFailed
from services.demo.mosquitto import Broker
from services.demo.ports import PortTaken

MESSAGES = 5_000
TOPIC = "application/a/device/0102030405060708/event/up"
PAYLOAD = b"x" * 700


def client(broker: Broker, name: str) -> mqtt.Client:
    """A connected MQTT 5 client with a session of one hour, its network loop running.

    Never with Clean Start: Mosquitto 2.0 does not save a session that began with it, whatever its expiry.
    """
    connected = threading.Event()
    made = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
    made.on_connect = lambda *_: connected.set()
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600
    made.connect("127.0.0.1", broker.port, clean_start=False, properties=properties)
    made.loop_start()
    assert connected.wait(30)
    return made


def close(connected: mqtt.Client) -> None:
    connected.disconnect()
    connected.loop_stop()


def leave_a_session(broker: Broker) -> None:
    """A persistent subscriber that is gone."""
    subscriber = client(broker, "subscriber")
    subscribed = threading.Event()
    subscriber.on_subscribe = lambda *_: subscribed.set()
    subscriber.subscribe(TOPIC, qos=1)
    assert subscribed.wait(30)
    close(subscriber)


def publish(broker: Broker, count: int) -> None:
    """Publish numbered messages and return when the broker has acknowledged every one."""
    publisher = client(broker, "publisher")
    sent = [publisher.publish(TOPIC, n.to_bytes(4, "big") + PAYLOAD, qos=1) for n in range(count)]
    for message in sent:
        message.wait_for_publish(60)
        assert message.is_published()
    close(publisher)


def drain(broker: Broker, count: int) -> list[int]:
    """Numbers of the messages the session had waiting, in order of arrival."""
    arrived: queue.SimpleQueue[int] = queue.SimpleQueue()
    subscriber = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="subscriber", protocol=mqtt.MQTTv5)
    subscriber.on_message = lambda _client, _data, message: arrived.put(int.from_bytes(message.payload[:4], "big"))
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600
    subscriber.connect("127.0.0.1", broker.port, clean_start=False, properties=properties)
    subscriber.loop_start()
    numbers = [arrived.get(timeout=30) for _ in range(count)]
    close(subscriber)
    return numbers


def test_a_restart_keeps_every_message_of_an_absent_subscriber(mosquitto: Broker) -> None:
    leave_a_session(mosquitto)
    publish(mosquitto, MESSAGES)
    mosquitto.restart()
    assert drain(mosquitto, MESSAGES) == list(range(MESSAGES))


def test_a_kill_costs_nothing_that_had_been_saved(mosquitto: Broker) -> None:
    leave_a_session(mosquitto)
    publish(mosquitto, 500)
    # Saved every second: wait for a save that began after the last acknowledgement.
    saved = mosquitto.folder / "data" / "mosquitto.db"
    published = time.time()
    deadline = time.monotonic() + 30
    while not saved.exists() or saved.stat().st_mtime <= published:
        assert time.monotonic() < deadline, "the broker never saved"
        time.sleep(0.05)
    mosquitto.kill()
    mosquitto.start()
    assert drain(mosquitto, 500) == list(range(500))


def test_a_taken_port_and_a_folder_in_use_are_named(mosquitto: Broker, tmp_path: Path) -> None:
    with pytest.raises(PortTaken, match=f"port {mosquitto.port} of 127.0.0.1"):
        Broker(mosquitto.program, tmp_path / "other", port=mosquitto.port).start()
    with pytest.raises(FolderInUse, match=f"using {mosquitto.folder}"):
        Broker(mosquitto.program, mosquitto.folder).start()
    assert mosquitto.pid is not None


def test_a_broker_that_cannot_start_shows_its_log(mosquitto_binary: Path, tmp_path: Path) -> None:
    broker = Broker(mosquitto_binary, tmp_path / "mosquitto")
    (tmp_path / "mosquitto/data").mkdir(parents=True)
    (tmp_path / "mosquitto/data/mosquitto.db").write_bytes(b"not a database of Mosquitto's")
    with pytest.raises(ServerFailed, match=r"(?s)The end of .*mosquitto\.log:\n.*Error"):
        broker.start()
    assert broker.pid is None


HOLDER = """
import sys
from pathlib import Path
from services.demo.mosquitto import Broker
broker = Broker(Path(sys.argv[1]), Path(sys.argv[2]))
broker.start()
print(broker.pid, broker.port, flush=True)
sys.stdin.read()
"""


def test_no_broker_is_left_when_its_owner_is_killed(mosquitto_binary: Path, tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", HOLDER, mosquitto_binary, tmp_path / "mosquitto"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        _pid, port = map(int, owner.stdout.readline().split())
        os.kill(owner.pid, signal.SIGKILL)
    # Starting waits for the orphan to have saved and gone: the folder's lock and the port are its.
    with Broker(mosquitto_binary, tmp_path / "mosquitto", port=port) as again:
        assert again.pid is not None
