"""The broker's configuration in a real Mosquitto: who gets in, who may do what, and what survives."""

import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol, cast

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from services.demo.account import server_account
from services.demo.child import Child, log_tail
from services.demo.ports import free_port

GATEWAY = "0016c001ff10a235"
PASSWORDS = {"chirpstack": "of-the-lns", "terroir": "of-ingest", GATEWAY: "of-the-gateway"}
EVENT = "application/5b3f0e4f-6f0c-4a46-9c8b-6f3c1d5f2b11/device/24e124136b502217/event/up"
EVENTS = "application/+/device/+/event/+"
# MQTT 5.0, section 2.4: codes from 0x80 on are failures; 0x10 says that nobody is subscribed.
REFUSED = 0x80
NOT_AUTHORIZED = 0x87
PATIENCE = 20.0


@dataclass
class Installed:
    """deploy/mosquitto as docs/install-debian.md installs it, below `folder` in place of /etc and /var."""

    program: Path
    folder: Path
    plain_port: int
    tls_port: int
    child: Child | None = None
    replaced: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def ca(self) -> Path:
        return self.folder / "certs/ca.crt"

    @property
    def log(self) -> Path:
        return self.folder / "mosquitto.log"

    @property
    def database(self) -> Path:
        return self.folder / "data/mosquitto.db"

    def configure(self, deploy: Path) -> None:
        main = (deploy / "mosquitto/container.conf").read_text("utf-8")
        main = main.replace("/mosquitto/data/", f"{self.folder}/data/").replace("/etc/mosquitto", str(self.folder))
        (self.folder / "mosquitto.conf").write_text(main, encoding="utf-8")
        ours = (deploy / "mosquitto/terroir.conf").read_text("utf-8")
        changes = {
            "/etc/mosquitto": str(self.folder),
            "listener 1883 127.0.0.1": f"listener {self.plain_port} 127.0.0.1",
            "listener 8883": f"listener {self.tls_port} 127.0.0.1",
            **self.replaced,
        }
        for old, new in changes.items():
            assert old in ours, f"terroir.conf no longer has {old!r}"
            ours = ours.replace(old, new)
        (self.folder / "conf.d/terroir.conf").write_text(ours, encoding="utf-8")

    def start(self) -> None:
        self.child = Child(
            [self.program, "-c", self.folder / "mosquitto.conf"],
            log=self.log,
            account=server_account(),
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            reach=True,
        )
        wait_until(lambda: listens(self.tls_port) or not self.alive, self)
        assert self.alive, log_tail(self.log)

    @property
    def alive(self) -> bool:
        return self.child is not None and self.child.alive

    def stop(self) -> None:
        assert self.child is not None
        self.child.stop((signal.SIGTERM, timedelta(seconds=20)))

    def kill(self) -> None:
        assert self.child is not None
        self.child.stop()


def listens(port: int) -> bool:
    """Without a connection, about whose sudden end the broker would have a word to say."""
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()]
    # The local address ends with the port; 0A is the state of who listens.
    return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def wait_until(true: Callable[[], bool], broker: Installed) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"waited {PATIENCE} s. The broker's log:\n{log_tail(broker.log)}"
        time.sleep(0.02)


@pytest.fixture
def installed(deploy: Path, mosquitto_tools: Path, tmp_path: Path) -> Iterator[Installed]:
    folder = tmp_path / "mosquitto"
    for part in (folder, folder / "certs", folder / "data", folder / "conf.d"):
        part.mkdir()
    subprocess.run(
        [deploy / "mosquitto/certificates.sh", folder / "certs", "lora.example.org", "localhost", "127.0.0.1"],
        check=True,
        capture_output=True,
    )
    passwords = folder / "terroir.passwd"
    passwords.write_text("".join(f"{user}:{word}\n" for user, word in PASSWORDS.items()), encoding="utf-8")
    passwords.chmod(0o600)
    subprocess.run([mosquitto_tools / "bin/mosquitto_passwd", "-U", passwords], check=True, capture_output=True)
    acl = folder / "terroir.acl"
    acl.write_bytes((deploy / "mosquitto/terroir.acl").read_bytes())
    acl.chmod(0o400)
    account = server_account()
    for path in (folder, *folder.rglob("*")):
        account.owns(path)
    broker = Installed(mosquitto_tools / "sbin/mosquitto", folder, free_port(), free_port())
    broker.configure(deploy)
    yield broker
    if broker.alive:
        broker.kill()


@pytest.fixture
def broker(installed: Installed) -> Installed:
    installed.start()
    return installed


class TakesTls(Protocol):
    """What paho leaves untyped."""

    def tls_set_context(self, context: ssl.SSLContext) -> None: ...


class Client:
    """A client by MQTT 5 over TLS that remembers what it is told."""

    def __init__(self, broker: Installed, user: str, *, client_id: str = "", password: str | None = None) -> None:
        self.broker = broker
        self.received: list[tuple[str, bytes]] = []
        self.published: dict[int, ReasonCode] = {}
        self._connected: list[ReasonCode] = []
        self._subscribed = threading.Event()
        self.gone = threading.Event()
        self.mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
        cast("TakesTls", self.mqtt).tls_set_context(ssl.create_default_context(cafile=str(broker.ca)))
        self.mqtt.username_pw_set(user, PASSWORDS.get(user) if password is None else password)
        self.mqtt.on_connect = lambda _c, _u, _f, reason, _p: self._connected.append(reason)
        self.mqtt.on_disconnect = lambda _c, _u, _f, _r, _p: self.gone.set()
        self.mqtt.on_subscribe = lambda _c, _u, _m, _r, _p: self._subscribed.set()
        self.mqtt.on_publish = lambda _c, _u, number, reason, _p: self.published.update({number: reason})
        self.mqtt.on_message = lambda _c, _u, message: self.received.append((message.topic, bytes(message.payload)))

    def connect(self, session: int = 0) -> ReasonCode:
        """Connect with a session kept for `session` seconds; the broker's answer."""
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = session
        properties.ReceiveMaximum = 2000
        self.mqtt.connect("127.0.0.1", self.broker.tls_port, clean_start=False, properties=properties)
        self.mqtt.loop_start()
        wait_until(lambda: bool(self._connected), self.broker)
        return self._connected[0]

    def subscribe(self, topic: str) -> None:
        self.mqtt.subscribe(topic, qos=1)
        assert self._subscribed.wait(PATIENCE)

    def publish(self, topic: str, payload: bytes = b"x") -> int:
        """Publish at QoS 1 and return the reason code of the acknowledgement."""
        number = self.mqtt.publish(topic, payload, qos=1).mid
        wait_until(lambda: number in self.published, self.broker)
        return self.published[number].value

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


@pytest.fixture
def client(broker: Installed) -> Iterator[Callable[[str], Client]]:
    clients: list[Client] = []

    def connected(user: str) -> Client:
        clients.append(Client(broker, user))
        assert clients[-1].connect() == "Success"
        return clients[-1]

    yield connected
    for one in clients:
        one.close()


def test_it_starts_without_a_word_of_warning(broker: Installed) -> None:
    log = broker.log.read_text("utf-8")
    remarks = [line for line in log.splitlines() if any(word in line for word in ("Warn", "Error", "Note", "ecat"))]
    assert remarks == []


@pytest.mark.parametrize(("user", "password"), [("terroir", "wrong"), ("nobody", "of-ingest"), ("", "")])
def test_who_is_not_known_is_refused(broker: Installed, user: str, password: str) -> None:
    stranger = Client(broker, user, password=password)
    try:
        assert stranger.connect() == "Not authorized"
    finally:
        stranger.close()


def test_a_client_checks_the_brokers_name_and_authority(broker: Installed) -> None:
    trusting = ssl.create_default_context(cafile=str(broker.ca))
    for name in ("lora.example.org", "localhost", "127.0.0.1"):
        with (
            socket.create_connection(("127.0.0.1", broker.tls_port)) as raw,
            trusting.wrap_socket(raw, server_hostname=name) as secured,
        ):
            assert secured.version() in {"TLSv1.2", "TLSv1.3"}
    for context, name in ((trusting, "elsewhere.example.org"), (ssl.create_default_context(), "localhost")):
        with (
            socket.create_connection(("127.0.0.1", broker.tls_port)) as raw,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            context.wrap_socket(raw, server_hostname=name)


def test_a_renewed_certificate_keeps_its_authority(deploy: Path, tmp_path: Path) -> None:
    make = [deploy / "mosquitto/certificates.sh", tmp_path, "lora.example.org"]
    subprocess.run(make, check=True, capture_output=True)
    before = {name: (tmp_path / name).read_bytes() for name in ("ca.crt", "broker.crt")}
    subprocess.run(make, check=True, capture_output=True)
    assert (tmp_path / "ca.crt").read_bytes() == before["ca.crt"]
    assert (tmp_path / "broker.crt").read_bytes() != before["broker.crt"]
    verified = subprocess.run(
        ["openssl", "verify", "-CAfile", tmp_path / "ca.crt", tmp_path / "broker.crt"], capture_output=True, check=False
    )
    assert verified.returncode == 0


@pytest.mark.parametrize("shared", ["", "$share/terroir/"])
def test_ingest_reads_every_event_and_only_events(
    broker: Installed, client: Callable[[str], Client], shared: str
) -> None:
    ingest, lns = client("terroir"), client("chirpstack")
    ingest.subscribe(shared + EVENTS)
    ingest.subscribe("#")
    assert lns.publish(EVENT.replace("event/up", "command/down"), b"a downlink") < REFUSED
    assert lns.publish(f"eu868/gateway/{GATEWAY}/command/down", b"a frame to send") < REFUSED
    assert lns.publish(EVENT, b"an event") < REFUSED
    wait_until(lambda: (EVENT, b"an event") in ingest.received, broker)
    assert {topic for topic, _ in ingest.received} == {EVENT}


@pytest.mark.parametrize("topic", [EVENT, EVENT.replace("event/up", "command/down"), "eu868/gateway/x/command/down"])
def test_ingest_writes_nothing(client: Callable[[str], Client], topic: str) -> None:
    assert client("terroir").publish(topic) == NOT_AUTHORIZED


def test_a_gateway_reaches_its_own_topics_only(broker: Installed, client: Callable[[str], Client]) -> None:
    gateway, lns = client(GATEWAY), client("chirpstack")
    lns.subscribe("$share/chirpstack/eu868/gateway/+/event/+")
    gateway.subscribe("eu868/gateway/+/command/+")
    gateway.subscribe(EVENTS)
    assert gateway.publish(f"eu868/gateway/{GATEWAY}/event/up", b"heard") < REFUSED
    assert gateway.publish(f"eu868/gateway/{GATEWAY}/state/conn", b"online") < REFUSED
    # Mosquitto 2.0 with max_queued_messages 0 also ends the connection of who was refused: a client for each.
    assert client(GATEWAY).publish("eu868/gateway/0016c001ff10ffff/event/up", b"forged") == NOT_AUTHORIZED
    assert client(GATEWAY).publish(EVENT, b"forged") == NOT_AUTHORIZED
    assert lns.publish(EVENT, b"an event") < REFUSED
    assert lns.publish("eu868/gateway/0016c001ff10ffff/command/down", b"to another") < REFUSED
    assert lns.publish(f"eu868/gateway/{GATEWAY}/command/down", b"to this one") < REFUSED
    wait_until(lambda: len(gateway.received) > 0 and len(lns.received) > 0, broker)
    assert gateway.received == [(f"eu868/gateway/{GATEWAY}/command/down", b"to this one")]
    assert lns.received == [(f"eu868/gateway/{GATEWAY}/event/up", b"heard")]


def absent_session(broker: Installed) -> None:
    """Leave a session behind that is subscribed and away, as a stopped ingest does."""
    ingest = Client(broker, "terroir", client_id="terroir-ingest-0")
    ingest.connect(session=3600)
    ingest.subscribe(EVENTS)
    ingest.close()


def drained(broker: Installed, enough: int) -> set[int]:
    ingest = Client(broker, "terroir", client_id="terroir-ingest-0")
    try:
        ingest.connect(session=3600)
        wait_until(lambda: len(ingest.received) >= enough, broker)
    finally:
        ingest.close()
    return {int(payload.split()[0]) for _, payload in ingest.received}


def wait_until_saved(broker: Installed, since: float) -> None:
    """Until the broker has written its database a second time after `since`: the first may have begun before."""
    first: list[int] = []

    def saved_twice() -> bool:
        changed = broker.database.stat().st_mtime_ns if broker.database.exists() else 0
        if changed > since * 1e9 and changed not in first:
            first.append(changed)
        return len(first) >= 2

    wait_until(saved_twice, broker)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_an_absent_session_finds_everything_after_a_restart(deploy: Path, installed: Installed, end: str) -> None:
    broker = installed
    broker.replaced = {"autosave_interval 10": "autosave_interval 1"}
    broker.configure(deploy)
    broker.start()
    absent_session(broker)
    lns = Client(broker, "chirpstack")
    lns.connect()
    count = 2500  # the default would keep 1,000
    for number in range(count):
        lns.mqtt.publish(EVENT, b"%d" % number, qos=1)
    wait_until(lambda: len(lns.published) == count, broker)
    lns.close()
    if end == "stop":
        broker.stop()
    else:
        wait_until_saved(broker, time.time())
        broker.kill()
    broker.start()
    assert drained(broker, count) == set(range(count))


def test_a_full_memory_stops_acknowledging_and_loses_nothing_acknowledged(deploy: Path, installed: Installed) -> None:
    installed.replaced = {"memory_limit 536870912": "memory_limit 6000000"}
    installed.configure(deploy)
    installed.start()
    absent_session(installed)
    lns = Client(installed, "chirpstack")
    lns.connect()
    numbers: dict[int, int] = {}
    for number in range(20_000):
        if lns.gone.is_set():
            break
        numbers[lns.mqtt.publish(EVENT, b"%d " % number + bytes(1000), qos=1).mid] = number
        wait_until(lambda: len(numbers) - len(lns.published) < 500 or lns.gone.is_set(), installed)
    assert lns.gone.wait(PATIENCE), "the broker took 20 MB into a memory of 6"
    lns.close()
    acknowledged = {numbers[mid] for mid, reason in lns.published.items() if reason.value < REFUSED}
    assert len(acknowledged) > 1000
    installed.stop()
    # As docs/operations.md says, it does not start again until the limit is raised.
    with pytest.raises(AssertionError, match="Out of memory"):
        installed.start()
    installed.replaced = {}
    installed.configure(deploy)
    installed.start()
    assert acknowledged <= drained(installed, len(acknowledged))
