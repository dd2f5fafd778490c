"""Both MQTT sources on a real Mosquitto: nothing is given up before it is acknowledged, nothing wrong is acknowledged.

One contract, two clients: every test here runs on each.
"""

import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from services.core.settings import SettingError, Settings
from services.ingest import publisher_watch
from services.ingest.mqtt import session as mqtt_session
from services.ingest.source import Message, SourceError
from tests.certificates import certificates
from tests.ingest.sources import FILTER, TOPIC, Running, bodies, eventually, running


@pytest.fixture(params=["fast", "paho"], autouse=True)
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TERROIR_MQTT_CLIENT", request.param)
    return request.param


def test_what_is_acknowledged_does_not_come_again_and_what_is_not_does(mosquitto, publish):
    with running(mosquitto.url, mqtt_receive_maximum=20) as first:
        eventually(first.connected)
        publish(mosquitto, [(TOPIC, b"%d" % n) for n in range(35)])
        messages = first.until(20)
        assert bodies(messages) == [b"%d" % n for n in range(20)]
        assert {(m.topic, m.qos, m.retain) for m in messages} == {(TOPIC, 1, False)}
        first.source.acknowledge(messages[:15])
        # Each of these takes the place of one acknowledged. Without waiting for them, the next connection may take the
        # session over before the broker has read the acknowledgements of this one.
        assert bodies(first.until(15)) == [b"%d" % n for n in range(20, 35)]
    publish(mosquitto, [(TOPIC, b"while away")])
    with running(mosquitto.url) as second:
        assert sorted(bodies(second.until(21))) == sorted([b"%d" % n for n in range(15, 35)] + [b"while away"])


def test_no_more_is_in_flight_than_allowed(mosquitto, publish):
    with running(mosquitto.url, mqtt_receive_maximum=10) as found:
        eventually(found.connected)
        publish(mosquitto, [(TOPIC, b"%d" % n) for n in range(50)])
        assert len(found.until(10)) == 10
        assert found.until(1, seconds=1) == []
    with running(mosquitto.url, mqtt_receive_maximum=10) as again:
        seen: list[Message] = []
        while len(seen) < 50:
            messages = again.until(1)
            assert 0 < len(messages) <= 10
            again.source.acknowledge(messages)
            seen += messages
        assert {int(message.body) for message in seen} == set(range(50))


def test_an_acknowledgement_does_not_outlive_its_connection(mosquitto, publish):
    """After a reconnect the broker may have given the packet identifier to another message."""
    with running(mosquitto.url) as found:
        eventually(found.connected)
        publish(mosquitto, [(TOPIC, b"a"), (TOPIC, b"b")])
        old = found.until(2)
        mosquitto.restart()
        eventually(found.connected)
        again = found.until(2)
        assert sorted(bodies(again)) == [b"a", b"b"]
        assert {m.epoch for m in old}.isdisjoint({m.epoch for m in again})
        found.source.acknowledge(old)
        assert found.metrics.stale_acknowledgements._value.get() == 2
    with running(mosquitto.url) as third:
        assert sorted(bodies(third.until(2))) == [b"a", b"b"]
        assert third.metrics.sessions_lost._value.get() == 0


def test_a_broker_that_forgot_us_is_noticed(mosquitto, publish):
    with running(mosquitto.url) as found:
        eventually(found.connected)
        mosquitto.stop()
        shutil.rmtree(mosquitto.folder / "data")
        mosquitto.start()
        eventually(lambda: found.metrics.sessions_lost._value.get() == 1)
        eventually(found.connected)
        publish(mosquitto, [(TOPIC, b"after")])
        assert bodies(found.until(1)) == [b"after"]


def test_a_killed_broker_is_found_again(mosquitto, publish):
    with running(mosquitto.url) as found:
        eventually(found.connected)
        mosquitto.kill()
        eventually(lambda: not found.connected())
        mosquitto.start()
        eventually(found.connected)
        publish(mosquitto, [(TOPIC, b"after")])
        assert bodies(found.until(1)) == [b"after"]


def test_a_broker_that_is_not_there_yet_is_waited_for(mosquitto, publish):
    mosquitto.stop()
    with running(mosquitto.url) as found:
        assert found.source.take(1, 0.01) == []
        mosquitto.start()
        eventually(found.connected)
        publish(mosquitto, [(TOPIC, b"x")])
        assert bodies(found.until(1)) == [b"x"]


def test_quality_0_and_retained_events_are_taken_and_counted(mosquitto, publish):
    with running(mosquitto.url) as found:
        eventually(found.connected)
        publish(mosquitto, [(TOPIC, b"zero")], qos=0)
        publish(mosquitto, [(TOPIC, b"kept")], retain=True)
        messages = found.until(2)
        assert {(m.body, m.qos, m.retain) for m in messages} == {(b"zero", 0, False), (b"kept", 1, True)}
        found.source.acknowledge(messages)
        assert found.metrics.qos_0._value.get() == 1
        assert found.metrics.retained._value.get() == 1


def test_quality_0_cannot_fill_the_memory(mosquitto, publish, monkeypatch):
    monkeypatch.setattr(publisher_watch, "QOS_0_HELD", 3)
    with running(mosquitto.url) as found:
        eventually(found.connected)
        publish(mosquitto, [(TOPIC, b"%d" % n) for n in range(5)], qos=0)
        eventually(lambda: found.metrics.qos_0._value.get() == 5)
        assert bodies(found.until(3)) == [b"0", b"1", b"2"]
        assert found.metrics.qos_0_dropped._value.get() == 2


def test_copies_that_come_again_cannot_either(mosquitto, publish, monkeypatch):
    """A broker that comes and goes while the store is away: what waits is bounded, and still all there."""
    monkeypatch.setattr(mqtt_session, "COPIES_KEPT", 1)
    with running(mosquitto.url, mqtt_receive_maximum=5) as found:
        eventually(found.connected)
        publish(mosquitto, [(TOPIC, b"%d" % n) for n in range(5)])
        for _ in range(3):
            mosquitto.restart()
            eventually(found.connected)
        messages = found.until(20, seconds=2)
        assert {int(m.body) for m in messages} == set(range(5))
        assert len(messages) <= 10


def test_two_members_share_the_traffic(mosquitto, publish):
    shared = f"$share/terroir/{FILTER}"
    with (
        running(mosquitto.url, shared, mqtt_client_id="a") as one,
        running(mosquitto.url, shared, mqtt_client_id="b") as two,
    ):
        eventually(lambda: one.connected() and two.connected())
        publish(mosquitto, [(TOPIC, b"%d" % n) for n in range(40)])
        first, second = one.until(20), two.until(20)
        assert {int(m.body) for m in first} | {int(m.body) for m in second} == set(range(40))


def test_a_second_process_of_the_same_name_ends_the_first(mosquitto):
    with running(mosquitto.url) as first:
        eventually(first.connected)
        with running(mosquitto.url) as second:
            eventually(second.connected)
            with pytest.raises(SourceError, match="TERROIR_MQTT_CLIENT_ID"):
                first.until(1)


def test_a_process_that_is_busy_does_not_take_its_session_back(mosquitto, publish):
    """It waits for its store and looks at nothing else: the second of its name must be left alone all the same."""
    with running(mosquitto.url) as first:
        eventually(first.connected)
        publish(mosquitto, [(TOPIC, b"held")])
        eventually(lambda: len(first.session.inbox) == 1)
        with running(mosquitto.url) as second:
            eventually(second.connected)
            eventually(lambda: not first.source._thread.is_alive())
            assert [message.body for message in second.until(1)] == [b"held"]
            assert second.connected()


@pytest.mark.parametrize(
    ("code", "said"),
    [(0x86, "wrong user or password: see TERROIR_MQTT_URL"), (0x87, "not authorised"), (0x84, "does not speak MQTT 5")],
)
def test_a_refusal_that_stays_is_told(code, said):
    """A server that answers CONNECT with this reason (CONNACK: flags 0, reason, no properties)."""
    with answering(bytes([0x20, 3, 0, code, 0])) as url, running(url) as found, pytest.raises(SourceError, match=said):
        found.until(1)


def test_a_refused_subscription_is_told():
    """CONNACK success, then SUBACK of packet 1 with 0x87, not authorised."""
    with (
        answering(bytes([0x20, 3, 0, 0, 0]), bytes([0x90, 4, 0, 1, 0, 0x87])) as url,
        running(url) as found,
        pytest.raises(SourceError, match=r"refused the subscription application/\+/device"),
    ):
        found.until(1)


def test_a_broker_without_quality_1_is_told():
    """CONNACK with the property Maximum QoS (36) 0."""
    with (
        answering(bytes([0x20, 5, 0, 0, 2, 36, 0])) as url,
        running(url) as found,
        pytest.raises(SourceError, match="quality 0 only"),
    ):
        found.until(1)


def test_a_broker_without_shared_subscriptions_is_told():
    """CONNACK with the property Shared Subscription Available (42) 0. RabbitMQ's SUBACK grants one all the same."""
    with (
        answering(bytes([0x20, 5, 0, 0, 2, 42, 0])) as url,
        running(url, "$share/terroir/application/+/device/+/event/+") as found,
        pytest.raises(SourceError, match="no shared subscriptions"),
    ):
        found.until(1)


def test_a_dead_network_thread_is_noticed(mosquitto, publish, monkeypatch):
    """Whatever ends it: the process must not stay alive, holding the session and receiving nothing."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    found = Running(mosquitto.url)
    monkeypatch.setattr(found.session, "received", lambda _: 1 / 0)
    found.source.start()
    try:
        eventually(found.connected)
        publish(mosquitto, [(TOPIC, b"x")])
        with pytest.raises(SourceError, match="network thread has ended"):
            found.until(1)
    finally:
        found.source.stop()


def test_settings_that_cannot_work(tmp_path):
    missing = tmp_path / "ca.pem"
    with pytest.raises(SettingError, match=r"^TERROIR_MQTT_CA_FILE: .*ca\.pem"):
        Running("mqtts://127.0.0.1:1", mqtt_ca_file=missing)
    missing.write_text("no certificate")
    with pytest.raises(SettingError, match=r"^TERROIR_MQTT_CA_FILE: .*ca\.pem"):
        Running("mqtts://127.0.0.1:1", mqtt_ca_file=missing)
    assert timedelta(days=7) == Settings().mqtt_session_expiry


SUBSCRIBED = bytes([0x20, 3, 0, 0, 0]), bytes([0x90, 4, 0, 1, 0, 1])


def test_tls_to_an_authority_that_is_named(tmp_path):
    made = certificates(tmp_path)
    with answering(*SUBSCRIBED, certificate=made.server) as url:
        secure = url.replace("mqtt:", "mqtts:")
        with running(secure, mqtt_ca_file=made.authority) as found:
            eventually(found.connected)


# The library leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_to_an_authority_nobody_named(capsys, tmp_path):
    with (
        answering(*SUBSCRIBED, certificate=certificates(tmp_path).server) as url,
        running(url.replace("mqtt:", "mqtts:")) as found,
    ):
        eventually(lambda: "certificate verify failed" in capsys.readouterr().out)
        assert not found.connected()


@contextmanager
def answering(connack: bytes, suback: bytes = b"", certificate: Path | None = None) -> Iterator[str]:
    """A server that knows two answers: to CONNECT, and to SUBSCRIBE."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
    if context is not None:
        context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                with (
                    suppress(OSError),
                    context.wrap_socket(plain, server_side=True) if context else plain as connection,
                ):
                    connection.recv(4096)
                    connection.sendall(connack)
                    if suback and connection.recv(4096):
                        connection.sendall(suback)
                    done.wait(1)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"mqtt://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            done.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
