"""Brokers and networks at their worst: the sources stay bounded, lose nothing, and go on."""

import random
import struct
import threading
from datetime import UTC, datetime

import pytest

from services.ingest.mqtt import connection as mqtt_connection
from services.ingest.mqtt import fast_source
from services.ingest.mqtt.packets import Reader
from services.ingest.mqtt.publish import MalformedError
from services.ingest.source import Message, SourceError
from tests.certificates import certificates
from tests.ingest.scripted_broker import (
    CONNACK,
    CONNECT,
    PINGREQ,
    PINGRESP,
    PUBACK,
    SUBACK,
    SUBSCRIBE,
    Peer,
    publish,
    scripted,
)
from tests.ingest.sources import TOPIC, bodies, eventually, running

both = pytest.mark.usefixtures("client")
NOW = datetime(2026, 9, 21, tzinfo=UTC)


@pytest.fixture(params=["fast", "paho"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERROIR_MQTT_CLIENT", request.param)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERROIR_MQTT_CLIENT", "fast")


@both
def test_what_comes_in_one_piece_with_the_connack_can_be_acknowledged():
    """A broker that resumes a session may send at once, before it has our SUBSCRIBE."""
    acknowledged = threading.Event()

    def script(peer: Peer) -> None:
        peer.until(CONNECT)
        peer.send(bytes([0x20, 3, 1, 0, 0]), publish(7, b"early"))
        peer.until(SUBSCRIBE)
        peer.send(SUBACK)
        assert peer.until(PUBACK)[:2] == struct.pack(">H", 7)
        acknowledged.set()

    with scripted(script) as url, running(url) as found:
        messages = found.until(1)
        assert bodies(messages) == [b"early"]
        found.source.acknowledge(messages)
        eventually(acknowledged.is_set)
        assert found.metrics.stale_acknowledgements._value.get() == 0


@both
def test_a_topic_that_is_no_text_costs_its_message_only():
    """To break off would only bring it again: it goes to quarantine, and is acknowledged like any other."""
    acknowledged: list[int] = []

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.send(publish(1, b"first"), publish(2, b"odd", topic=b"application/\xff\xfe"), publish(3, b"last"))
        acknowledged.extend(struct.unpack(">H", peer.until(PUBACK)[:2])[0] for _ in range(3))

    with scripted(script) as url, running(url) as found:
        messages = found.until(3)
        assert bodies(messages) == [b"first", b"odd", b"last"]
        assert messages[1].topic == "\N{REPLACEMENT CHARACTER}"
        found.source.acknowledge(messages)
        eventually(lambda: acknowledged == [1, 2, 3])


@both
def test_a_broker_that_speaks_only_mqtt_3_is_told():
    """It answers with a CONNACK of its own form, without properties: refusal 1, unacceptable protocol version."""

    def script(peer: Peer) -> None:
        peer.until(CONNECT)
        peer.send(bytes([0x20, 2, 0, 1]))

    with scripted(script) as url, running(url) as found, pytest.raises(SourceError, match="does not speak MQTT 5"):
        found.until(1)


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\xff" * 40,
        b"\x00\x00",
        b"\x32\xff\xff\xff\xff\x01",
        bytes([0xE0, 1, 0x33]),
    ],
    ids=["http", "ones", "reserved type", "endless length", "unknown reason"],
)
@pytest.mark.usefixtures("fast")
def test_garbage_ends_the_connection_and_the_next_is_as_good_as_new(garbage):
    def script(peer: Peer) -> None:
        peer.welcome()
        peer.send(garbage if peer.number == 1 else publish(1, b"after"))

    with scripted(script) as url, running(url) as found:
        assert bodies(found.until(1)) == [b"after"]


# The codec panics over text that is no UTF-8: caught, but told about in its own way.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_bytes_whatever_break_the_reader(capfd):
    """Real packets, mutated: messages, other packets or MalformedError, and never more than was sent."""
    dice = random.Random(20260921)
    seeds = [
        CONNACK,
        SUBACK,
        PINGRESP,
        publish(5, b'{"data": "AQ=="}'),
        bytes([0x20, 11, 1, 0, 8, 17, 0, 0, 0, 9, 19, 0, 5]),
        bytes([0xE0, 8, 0x8B, 6, 31, 0, 3]) + b"bye",
        bytes([0x62, 2, 0, 3]),
        b"\x32\x17\0\1t\0\1\x10\x26\0\1a\0\1b\x02\0\0\0\1\x01\1\x03\0\1cbody",
    ]
    refused = taken = 0
    for _ in range(30_000):
        body = bytearray(b"".join(dice.choices(seeds, k=dice.randrange(1, 4))))
        for _ in range(dice.randrange(4)):
            place = dice.randrange(len(body))
            body[place : place + dice.randrange(2)] = bytes(dice.randrange(256) for _ in range(dice.randrange(3)))
            body = body or bytearray(b"\0")
        reader = Reader()
        middle = dice.randrange(len(body) + 1)
        try:
            for part in (bytes(body[:middle]), bytes(body[middle:])):
                messages, _ = reader.read(part, NOW, 1)
                taken += len(messages)
                assert all(len(message.body) <= len(body) for message in messages)
                assert all(message.token for message in messages if message.qos)
        except MalformedError:
            refused += 1
    # What the codec's own panics print is no concern of ours here.
    capfd.readouterr()
    assert refused > 1000
    assert taken > 1000


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_packets_come_whole_however_they_were_cut(size):
    sent = b"".join(publish(number, b"x" * (number * 37 % 3000)) for number in range(1, 200))
    reader = Reader()
    found: list[Message] = []
    for start in range(0, len(sent), size):
        found += reader.read(sent[start : start + size], NOW, 1)[0]
    assert [(m.token, len(m.body)) for m in found] == [(number, number * 37 % 3000) for number in range(1, 200)]


@pytest.mark.usefixtures("fast")
def test_it_stops_reading_when_too_much_waits_and_still_pings(monkeypatch):
    """The store is slow: memory is bounded in bytes, and the broker must not take the silent reader for dead."""
    monkeypatch.setattr(fast_source, "HELD_BYTES", 20_000)
    monkeypatch.setattr(fast_source, "KEEPALIVE", 1)
    monkeypatch.setattr(mqtt_connection, "CHUNK", 4096)
    pinged = threading.Event()
    connections: list[int] = []

    def script(peer: Peer) -> None:
        connections.append(peer.number)
        peer.welcome()
        sender = threading.Thread(
            target=peer.send, args=[publish(number, b"%1000d" % number) for number in range(1, 501)]
        )
        sender.start()
        # It reads nothing, so it cannot know of answers: it must go on all the same.
        for _ in range(2):
            while peer.next()[0] != PINGREQ:
                pass
        pinged.set()
        sender.join()
        while True:
            peer.until(PINGREQ)

    with scripted(script) as url, running(url, mqtt_receive_maximum=5000) as found:
        eventually(pinged.is_set)
        assert 20_000 < found.session.inbox.size < 20_000 + 2 * 4096
        assert [int(body) for body in bodies(found.until(500))] == list(range(1, 501))
        assert connections == [1]


@pytest.mark.usefixtures("fast")
def test_one_that_does_not_read_does_not_take_its_session_back(mosquitto, publish, monkeypatch):
    """The broker's last word, that another has the session now, lies behind messages nobody reads."""
    monkeypatch.setattr(fast_source, "HELD_BYTES", 10_000)
    monkeypatch.setattr(mqtt_connection, "CHUNK", 4096)
    with running(mosquitto.url) as first:
        eventually(first.connected)
        publish(mosquitto, [(TOPIC, b"%1000d" % number) for number in range(40)])
        eventually(lambda: first.session.inbox.size > 10_000)
        with running(mosquitto.url) as second:
            assert {int(body) for body in bodies(second.until(40))} == set(range(40))
            eventually(lambda: not first.source._thread.is_alive())
            assert second.connected()
            with pytest.raises(SourceError, match="TERROIR_MQTT_CLIENT_ID"):
                first.until(500)


@pytest.mark.usefixtures("fast")
def test_acknowledgements_pass_a_narrow_line_whole_and_in_order():
    """A broker that is slow to read: what one write does not take follows."""
    count = 60_000
    told: list[int] = []
    go = threading.Event()

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.send(*[publish(number, b"") for number in range(1, count + 1)])
        assert go.wait(60)
        told.extend(struct.unpack(">H", peer.until(PUBACK)[:2])[0] for _ in range(count))

    with scripted(script, buffer=4096) as url, running(url, mqtt_receive_maximum=65535) as found:
        found.source.acknowledge(found.until(count, seconds=60))
        go.set()
        eventually(lambda: len(told) == count)
    assert told == list(range(1, count + 1))


@pytest.mark.usefixtures("fast")
def test_a_broker_that_falls_silent_is_left():
    """Its CONNACK wants a sign of life each second (property 19), and then it answers none."""

    def script(peer: Peer) -> None:
        peer.until(CONNECT)
        peer.send(bytes([0x20, 6, 0, 0, 3, 19, 0, 1]))
        peer.until(SUBSCRIBE)
        # Announces a message of 200 MB, and sends ten bytes of it.
        peer.send(SUBACK, *([b"\x32\x80\xc2\xd7\x5f" + b"x" * 10] if peer.number == 1 else [publish(1, b"after")]))
        while True:
            peer.next()

    with scripted(script) as url, running(url) as found:
        assert bodies(found.until(1)) == [b"after"]


@both
def test_many_messages_over_tls(tmp_path):
    made = certificates(tmp_path)
    told: list[int] = []

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.send(*[publish(number, b"%1000d" % number) for number in range(1, 1001)])
        told.extend(struct.unpack(">H", peer.until(PUBACK)[:2])[0] for _ in range(1000))

    with scripted(script, certificate=made.server) as url, running(url, mqtt_ca_file=made.authority) as found:
        messages = found.until(1000)
        assert [int(body) for body in bodies(messages)] == list(range(1, 1001))
        found.source.acknowledge(messages)
        eventually(lambda: len(told) == 1000)
    assert told == list(range(1, 1001))


@both
def test_a_broker_that_says_goodbye_is_come_back_to():
    """DISCONNECT 0x8B, server shutting down."""

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.send(bytes([0xE0, 1, 0x8B]) if peer.number == 1 else publish(1, b"after"))

    with scripted(script) as url, running(url) as found:
        assert bodies(found.until(1)) == [b"after"]
