"""ChirpStack's events as it writes them (``data/events``), a small territory in a real database, a pipeline on it."""

import base64
import json
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from psycopg.rows import namedtuple_row

from decoders.codec.program import Runner
from services.core.settings import Settings
from services.core.storage.connect import connect
from services.core.times import TimeRules
from services.core.vocabulary import sync_vocabulary
from services.demo.mosquitto import Broker
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.metrics import Metrics
from services.ingest.parsing import Parser
from services.ingest.pipeline import Pipeline
from services.ingest.source import Message
from services.ingest.store import Store

EVENTS = Path(__file__).parent / "data" / "events"
DECODER_VECTORS = Path(__file__).parents[1] / "decoders" / "vectors"
RECEIVED_AT = datetime(2026, 9, 21, 14, 13, 22, tzinfo=UTC)
INSTALLED_AT = datetime(2026, 1, 1, tzinfo=UTC)
MODEL = "milesight/am300"


@dataclass(frozen=True)
class Case:
    """One line of ``index.json``: the same event in every encoding it exists in."""

    name: str
    event: str
    topic: str
    files: tuple[str, ...]
    expect: str

    def body(self, file: str) -> bytes:
        return (EVENTS / file).read_bytes()

    def message(self, file: str) -> Message:
        return Message(self.topic, self.body(file), 1, False, RECEIVED_AT, 0, 0)


def load_cases() -> list[Case]:
    index = json.loads((EVENTS / "index.json").read_text())
    return [Case(c["name"], c["event"], c["topic"], tuple(c["files"]), c["expect"]) for c in index]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``case``: every case; ``event_file``: every case with each of its files."""
    if "event_file" in metafunc.fixturenames:
        pairs = [(case, file) for case in load_cases() for file in case.files]
        metafunc.parametrize("event_file", pairs, ids=[file for _, file in pairs])
    if "case" in metafunc.fixturenames:
        cases = load_cases()
        metafunc.parametrize("case", cases, ids=[case.name for case in cases])


@pytest.fixture(scope="session")
def cases() -> dict[str, Case]:
    return {case.name: case for case in load_cases()}


@dataclass(frozen=True)
class Vector:
    """A published frame and what its maker says is in it: (quantity, own time or None, value)."""

    f_port: int
    payload: bytes
    values: list[tuple[str, datetime | None, float]]

    @property
    def newest(self) -> datetime:
        return max(when for _, when, _ in self.values if when is not None)

    @property
    def oldest(self) -> datetime:
        return min(when for _, when, _ in self.values if when is not None)


@pytest.fixture
def meter_frame() -> Vector:
    """The first published basic frame of the Axioma W1: an index, its status, and sixteen hourly records."""
    vectors = json.loads((DECODER_VECTORS / "axioma-qalcosonic-w1.json").read_text())["vectors"]
    values = [
        (value["metric"], datetime.fromisoformat(value["time"]) if "time" in value else None, value["value"])
        for value in vectors[0]["normalized"]
    ]
    return Vector(vectors[0]["fPort"], bytes.fromhex(vectors[0]["bytes"]), values)


def temperature(degrees: float) -> bytes:
    """A frame of the AM300 series: channel 03, type 67, i16 little-endian, a tenth of a degree (Milesight's README)."""
    return b"\x03\x67" + round(degrees * 10).to_bytes(2, "little", signed=True)


@dataclass(frozen=True)
class Territory:
    """A commune in a database: declare, install, receive, and look at what is stored."""

    url: str
    connection: psycopg.Connection
    settings: Settings
    now: list[datetime] = field(default_factory=lambda: [RECEIVED_AT])
    metrics: list[Metrics] = field(default_factory=list)
    shared: list[tuple[Pipeline, Store]] = field(default_factory=list)
    runners: list[Runner] = field(default_factory=list)

    def point(self, name: str = "Salle 3") -> int:
        row = self.connection.execute(
            "INSERT INTO point (organisation_id, site_id, theme, name, created_at)"
            " SELECT organisation_id, id, 'air', %s, now() FROM site"
            " ON CONFLICT (site_id, name) DO UPDATE SET name = excluded.name RETURNING id",
            (name,),
        ).fetchone()
        return row[0]

    def declare(self, dev_eui: str, model: str = MODEL) -> None:
        self.connection.execute(
            "INSERT INTO device (dev_eui, organisation_id, model_id, declared_at)"
            " SELECT %s, id, %s, now() FROM organisation",
            (dev_eui, model),
        )

    def install(
        self, dev_eui: str, point: str = "Salle 3", start: datetime = INSTALLED_AT, end: datetime | None = None
    ) -> None:
        self.connection.execute(
            "INSERT INTO installation (dev_eui, point_id, channel, period) VALUES (%s, %s, %s, tstzrange(%s, %s))",
            (dev_eui, self.point(point), "" if point == "Salle 3" else dev_eui, start, end),
        )

    def install_from(self, dev_eui: str, start: datetime) -> None:
        """As if it had been installed at another time."""
        self.connection.execute(
            "UPDATE installation SET period = tstzrange(%s, upper(period)) WHERE dev_eui = %s", (start, dev_eui)
        )

    def device(self, dev_eui: str, model: str = MODEL, point: str = "Salle 3") -> str:
        self.declare(dev_eui, model)
        self.install(dev_eui, point)
        return dev_eui

    def up(
        self,
        dev_eui: str,
        payload: bytes,
        *,
        at: datetime | None = None,
        f_cnt: int = 1,
        f_port: int = 85,
        deduplication_id: UUID | None = None,
        gateways: tuple[str, ...] = ("0016c001f153a14c",),
        **fields: object,
    ) -> Message:
        """An uplink as ChirpStack's JSON has it, received now, measured ``at``."""
        at = at or self.now[0]
        event = {
            "deduplicationId": str(deduplication_id or uuid4()),
            "time": at.isoformat(),
            "deviceInfo": {"devEui": dev_eui, "deviceName": f"d-{dev_eui[-4:]}", "applicationId": "a", "tags": {}},
            "devAddr": "01343968",
            "dr": 5,
            "fCnt": f_cnt,
            "fPort": f_port,
            "data": base64.b64encode(payload).decode(),
            "rxInfo": [{"gatewayId": eui, "nsTime": at.isoformat(), "rssi": -74, "snr": 11.0} for eui in gateways],
            "txInfo": {"frequency": 868100000, "modulation": {"lora": {"spreadingFactor": 7}}},
            **fields,
        }
        return self.message(f"application/a/device/{dev_eui}/event/up", json.dumps(event).encode())

    def message(self, topic: str, body: bytes) -> Message:
        return Message(topic, body, 1, False, self.now[0], 0, 0)

    def pipeline(self) -> tuple[Pipeline, Store]:
        metrics = Metrics()
        self.metrics.append(metrics)
        store = Store(self.settings, lambda: self.now[0])
        topics = TopicFilter(self.settings.mqtt_topic)
        parser = Parser(topics, self.settings.encoding, TimeRules.of(self.settings))
        return Pipeline(parser, store, self.settings, lambda: self.now[0], metrics, *self.runners), store

    def ingest(self, *messages: Message) -> None:
        """One batch through the territory's own pipeline."""
        if not self.shared:
            self.shared.append(self.pipeline())
        assert self.shared[0][0].process(messages, lambda: False), "the store was not reached"

    def close(self) -> None:
        for _, store in self.shared:
            store.close()
        self.shared.clear()

    def ingest_in_batches(self, messages: Sequence[Message], cuts: Collection[int]) -> None:
        """One batch after the other, cut before these positions."""
        bounds = [0, *sorted(cuts), len(messages)]
        for start, end in pairwise(bounds):
            self.ingest(*messages[start:end])

    def clear(self) -> None:
        """Forget everything received and every device, for the next example of a property."""
        self.connection.execute(
            "TRUNCATE uplink, reception, reading, latest, seen, recent_frame, uplink_pending, quarantine, device_event,"
            " series_part, device_state, batch, series, installation, calibration, device"
        )
        self.now[0] = RECEIVED_AT
        self.metrics.clear()
        self.close()

    def outcomes(self) -> dict[str, int]:
        """What all pipelines so far counted: messages by outcome (and reason)."""
        found: dict[str, int] = {}
        for metrics in self.metrics:
            for metric in metrics.messages.collect():
                for sample in metric.samples:
                    if sample.name.endswith("_total") and sample.value:
                        name = sample.labels["reason"] or sample.labels["outcome"]
                        found[name] = found.get(name, 0) + int(sample.value)
        return found

    def rows(self, statement: str, *values: object) -> list:
        with self.connection.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(statement, values).fetchall()

    def value(self, statement: str, *values: object) -> object:
        return self.connection.execute(statement, values).fetchone()[0]

    def readings(self, quantity: str = "air_temperature") -> list[tuple[datetime, float, int]]:
        return self.connection.execute(
            "SELECT r.measured_at, r.value, r.flags FROM reading r JOIN series s ON s.id = r.series"
            " WHERE s.quantity = %s ORDER BY r.measured_at",
            (quantity,),
        ).fetchall()


def settings_for(url: str, **values: object) -> Settings:
    return Settings(database_url=url, **values)


@pytest.fixture
def territory(database: str) -> Iterator[Territory]:
    """A territory on each grade."""
    yield from _territory(database)


@pytest.fixture
def embedded_territory(embedded_database: str) -> Iterator[Territory]:
    """A territory on the embedded PostgreSQL, for what no grade can change."""
    yield from _territory(embedded_database)


def _territory(url: str) -> Iterator[Territory]:
    with connect(url, autocommit=True) as connection:
        sync_vocabulary(connection)
        connection.execute("INSERT INTO organisation (name, created_at) VALUES ('Commune', now())")
        connection.execute("INSERT INTO site (organisation_id, name) SELECT id, 'École' FROM organisation")
        territory = Territory(url, connection, settings_for(url))
        yield territory
        territory.close()


@pytest.fixture
def am300_temperature() -> Callable[[float], bytes]:
    return temperature


class Publisher:
    """Publishes as ChirpStack would with ``qos=1``, and knows what the broker has taken (PUBACK)."""

    def __init__(self, broker: Broker) -> None:
        self.acknowledged = 0
        self._taken: set[int] = set()
        self._more_taken = threading.Condition()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_publish = self._on_publish
        self._client.max_inflight_messages_set(100)
        self._client.max_queued_messages_set(0)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    def send(self, messages: Iterable[tuple[str, bytes]], *, qos: int = 1, retain: bool = False) -> None:
        """Returns when the broker has taken all of them."""
        # By number: what was published while the broker was away is sent later, but its MessageInfo never says so.
        for mid in [self._client.publish(topic, body, qos, retain).mid for topic, body in messages]:
            with self._more_taken:
                assert self._more_taken.wait_for(lambda mid=mid: mid in self._taken, 60)
                self._taken.discard(mid)
            self.acknowledged += 1

    def _on_publish(self, _client: object, _userdata: object, mid: int, *_: object) -> None:
        with self._more_taken:
            self._taken.add(mid)
            self._more_taken.notify_all()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def publisher(mosquitto: Broker) -> Iterator[Publisher]:
    found = Publisher(mosquitto)
    yield found
    found.close()


@pytest.fixture
def publish() -> Callable[..., None]:
    """``publish(broker, [(topic, body), ...], qos=1, retain=False)``: once, on a connection of its own."""

    def publish(broker: Broker, messages: Iterable[tuple[str, bytes]], *, qos: int = 1, retain: bool = False) -> None:
        once = Publisher(broker)
        once.send(messages, qos=qos, retain=retain)
        once.close()

    return publish
