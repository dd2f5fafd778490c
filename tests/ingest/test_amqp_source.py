"""RabbitMQ: what is acknowledged is gone, what is not comes again, whatever of the two dies."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pika
import pytest

from services.core.clock import system_clock
from services.core.settings import Settings
from services.ingest.amqp.source import QUEUE, AmqpSource
from services.ingest.assembly import assembled
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.metrics import Metrics
from services.ingest.source import Message, SourceError
from services.ingest.store import Store
from tests.ingest.conftest import RECEIVED_AT, temperature
from tests.ingest.rabbit_server import RabbitServer
from tests.ingest.redis_server import protobuf_of
from tests.ingest.sources import TOPIC, bodies, eventually

DEVICE = "24e124707c0000aa"


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[RabbitServer]:
    found = RabbitServer(tmp_path_factory.mktemp("rabbit"))
    found.start()
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture
def rabbit(server, request) -> RabbitServer:
    """With a queue for this test, empty."""
    connection = pika.BlockingConnection(pika.URLParameters(f"{server.url}/%2F"))
    channel = connection.channel()
    channel.queue_delete("terroir")
    channel.queue_declare("terroir", durable=True, arguments=QUEUE)
    channel.queue_bind("terroir", "amq.topic", "application.*.device.*.event.*")
    connection.close()
    return server


class Running:
    def __init__(self, url: str, **values: object) -> None:
        self.metrics = Metrics()
        self.source = AmqpSource(Settings(amqp_url=url, **values), system_clock, self.metrics)

    def connected(self) -> bool:
        return self.metrics.connected._value.get() == 1

    def until(self, count: int, seconds: float = 60) -> list[Message]:
        found: list[Message] = []
        deadline = time.monotonic() + seconds
        while len(found) < count and time.monotonic() < deadline:
            found += self.source.take(1000, 0.05)
        return found


@contextmanager
def running(url: str, **values: object) -> Iterator[Running]:
    found = Running(url, **values)
    found.source.start()
    try:
        yield found
    finally:
        found.source.stop()


def test_what_is_acknowledged_does_not_come_again_and_what_is_not_does(rabbit):
    with running(rabbit.url, mqtt_receive_maximum=20) as first:
        eventually(first.connected, 60)
        rabbit.publish([(TOPIC, b"%d" % n) for n in range(35)])
        messages = first.until(20)
        assert bodies(messages) == [b"%d" % n for n in range(20)]
        assert {(m.topic, m.qos, m.retain) for m in messages} == {(TOPIC, 1, False)}
        # Not the first ones alone: each of these is on its own.
        first.source.acknowledge([*messages[:5], *messages[10:20]])
        assert bodies(first.until(15)) == [b"%d" % n for n in range(20, 35)]
    rabbit.publish([(TOPIC, b"while away")])
    with running(rabbit.url) as second:
        expected = [b"%d" % n for n in (*range(5, 10), *range(20, 35))] + [b"while away"]
        assert sorted(bodies(second.until(21))) == sorted(expected)


def test_no_more_is_in_flight_than_allowed(rabbit):
    with running(rabbit.url, mqtt_receive_maximum=10) as found:
        rabbit.publish([(TOPIC, b"%d" % n) for n in range(30)])
        assert len(found.until(10)) == 10
        assert found.until(1, seconds=1) == []


def test_a_broker_that_restarts_has_kept_them_and_old_acknowledgements_die_with_their_connection(rabbit):
    """Published as transient, as ChirpStack does: a quorum queue keeps them all the same."""
    with running(rabbit.url) as found:
        eventually(found.connected, 60)
        rabbit.publish([(TOPIC, b"a"), (TOPIC, b"b")])
        old = found.until(2)
        # In order: killed in the second of its declaration the queue would be without its data (docs/sources.md).
        rabbit.end()
        eventually(lambda: not found.connected(), 60)
        found.source.acknowledge(old[:1])
        rabbit.start()
        eventually(found.connected, 120)
        again = found.until(2)
        assert sorted(bodies(again)) == [b"a", b"b"]
        assert {m.epoch for m in old}.isdisjoint({m.epoch for m in again})
        found.source.acknowledge(old)
        eventually(lambda: found.metrics.stale_acknowledgements._value.get() == 3)
    with running(rabbit.url) as third:
        assert sorted(bodies(third.until(2))) == [b"a", b"b"]


def test_a_broker_that_is_killed_has_kept_what_it_confirmed(rabbit):
    # Killed in the second of its declaration, the queue would be without its data: docs/sources.md.
    rabbit.end()
    rabbit.start()
    with running(rabbit.url) as found:
        eventually(found.connected, 60)
        rabbit.publish([(TOPIC, b"%d" % n) for n in range(100)])
        messages = found.until(100)
        found.source.acknowledge(messages[:50])
        rabbit.kill()
        eventually(lambda: not found.connected(), 60)
        rabbit.start()
        rabbit.publish([(TOPIC, b"100")])
        eventually(found.connected, 120)
        again = set(bodies(found.until(51)))
        # An acknowledgement may be lost with the broker, a message not.
        assert {b"%d" % n for n in range(50, 101)} <= again


def test_coming_back_for_the_thirtieth_time_does_not_throw_it_away(rabbit):
    """RabbitMQ 4 drops a message of a quorum queue after 20 deliveries, unless the queue says otherwise."""
    rabbit.publish([(TOPIC, b"poor thing")])
    connection = pika.BlockingConnection(pika.URLParameters(f"{rabbit.url}/%2F"))
    channel = connection.channel()
    for _ in range(30):
        method = None
        while method is None:
            method, _, _ = channel.basic_get("terroir")
        channel.basic_nack(method.delivery_tag, requeue=True)
    connection.close()
    with running(rabbit.url) as found:
        assert bodies(found.until(1)) == [b"poor thing"]


def test_a_wrong_password_and_a_queue_of_another_kind_are_told(rabbit):
    with (
        running(rabbit.url.replace(":guest@", ":wrong@")) as found,
        pytest.raises(SourceError, match="TERROIR_AMQP_PASSWORD"),
    ):
        found.until(1)
    assert "wrong" not in found.source.text
    connection = pika.BlockingConnection(pika.URLParameters(f"{rabbit.url}/%2F"))
    connection.channel().queue_declare("other", durable=True)
    connection.close()
    with running(rabbit.url, amqp_queue="other") as found, pytest.raises(SourceError, match="refused the queue other"):
        found.until(1)


def test_a_queue_that_is_deleted_is_declared_again(rabbit):
    """RabbitMQ cancels the consumer then, and keeps connection and channel open."""
    with running(rabbit.url) as found:
        eventually(found.connected, 60)
        connection = pika.BlockingConnection(pika.URLParameters(f"{rabbit.url}/%2F"))
        connection.channel().queue_delete("terroir")
        connection.close()
        eventually(lambda: not found.connected(), 60)
        eventually(found.connected, 60)
        rabbit.publish([(TOPIC, b"after")])
        assert bodies(found.until(1)) == [b"after"]


def test_a_channel_that_is_closed_is_opened_again_and_what_it_had_brought_waits_once(rabbit):
    """As after half an hour without an acknowledgement, that is without the database: the connection stays."""
    with running(rabbit.url, mqtt_receive_maximum=10) as found:
        eventually(found.connected, 60)
        rabbit.publish([(TOPIC, b"%d" % n) for n in range(10)])
        for _ in range(2):
            eventually(lambda: len(found.source._inbox) == 10)
            # RabbitMQ answers an acknowledgement of what it never sent by closing the channel.
            found.source._connection.add_callback_threadsafe(lambda: found.source._channel.basic_ack(1_000_000))
            eventually(lambda: not found.connected(), 60)
            eventually(found.connected, 60)
        messages = found.until(10)
        assert sorted(bodies(messages)) == [b"%d" % n for n in range(10)]
        found.source.acknowledge(messages)
        assert found.until(1, seconds=1) == []
    with running(rabbit.url) as second:
        assert second.until(1, seconds=1) == []


def test_a_dead_network_thread_is_noticed(rabbit, monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    with running(rabbit.url) as found:
        monkeypatch.setattr(found.source, "_clock", lambda: 1 / 0)
        eventually(found.connected, 60)
        rabbit.publish([(TOPIC, b"x")])
        with pytest.raises(SourceError, match="network thread has ended"):
            found.until(1)


def test_one_event_by_four_ways_is_one(embedded_territory, rabbit):
    """MQTT in JSON, RabbitMQ in protobuf, ChirpStack's Redis, a webhook: one stored, three duplicates."""
    territory = embedded_territory
    frame = territory.up(DEVICE, temperature(20), f_cnt=7)
    clock = lambda: territory.now[0]  # noqa: E731
    settings, stop, metrics = territory.settings, threading.Event(), Metrics()
    territory.metrics.append(metrics)
    worker = assembled(Store(settings, clock), TopicFilter(settings.mqtt_topic), settings, clock, stop, metrics, "amqp")
    with running(rabbit.url) as found:
        rabbit.publish([(frame.topic, protobuf_of(frame))])
        while not worker.process(found.source, 10, 0.05):
            pass
    worker.close()
    for topic, body in (
        (frame.topic, frame.body),
        ("$redis/device/-/event/up", protobuf_of(frame)),
        ("$http/device/-/event/up", frame.body),
    ):
        territory.ingest(Message(topic, body, 1, False, RECEIVED_AT, 0, 0))
    assert territory.outcomes() == {"stored": 1, "duplicate": 3}
    assert [row.source for row in territory.rows("SELECT source FROM uplink")] == ["amqp"]
    with running(rabbit.url) as found:
        assert found.until(1, seconds=1) == []
