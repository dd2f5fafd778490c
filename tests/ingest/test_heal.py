"""ChirpStack's Redis gives what never came: once, dated as of when it was, and says so when it no longer has it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from services.core.times import TimeRules
from services.demo.mosquitto import Broker, mosquitto_program
from services.ingest.assembly import assembled
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.heal.healer import Healed, Healer
from services.ingest.heal.healing import Healing
from services.ingest.heal.stream import EventStreams, StreamAway
from services.ingest.metrics import Metrics
from services.ingest.parsing import Parser
from services.ingest.source import Message
from services.ingest.store import Store
from tests.ingest.conftest import RECEIVED_AT, Publisher, Territory, temperature
from tests.ingest.redis_server import RedisServer, protobuf_of, redis_server
from tests.ingest.sources import eventually

DEVICE = "24e124707c0000aa"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def redis(tmp_path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


class Healer1:
    """A healer on a territory, without its thread."""

    def __init__(self, territory: Territory, url: str, **values: object) -> None:
        settings = territory.settings.model_copy(update={"heal_url": url, **values})
        self.metrics = Metrics()
        self.stop = threading.Event()
        self._streams = EventStreams(settings)
        topics = TopicFilter(settings.mqtt_topic)
        clock = lambda: territory.now[0]  # noqa: E731
        store = Store(settings, clock)
        self.worker = assembled(store, topics, settings, clock, self.stop, Metrics(), "heal")
        parser = Parser(topics, settings.encoding, TimeRules.of(settings), "heal")
        self._healer = Healer(self._streams, self.worker, parser, settings, clock, self.metrics)

    def turn(self) -> Healed:
        return self._healer.heal()

    def close(self) -> None:
        self.worker.close()
        self._streams.close()


@contextmanager
def healing(territory: Territory, url: str, **values: object) -> Iterator[Healer1]:
    found = Healer1(territory, url, **values)
    try:
        yield found
    finally:
        found.close()


def sent(territory: Territory, n: int, ago: timedelta, dev_eui: str = DEVICE) -> Message:
    """Frame ``n``, as it would have come by MQTT that long ago."""
    at = RECEIVED_AT - ago
    message = territory.up(dev_eui, temperature(n / 10), at=at, f_cnt=n)
    return Message(message.topic, message.body, 1, False, at, 0, 0)


def log_event(territory: Territory, text: str, ago: timedelta) -> Message:
    """A log event, which has no deduplication id (``integration.LogEvent``)."""
    body = {
        "time": (RECEIVED_AT - ago).isoformat(),
        "deviceInfo": {"devEui": DEVICE},
        "level": "ERROR",
        "code": "UPLINK_CODEC",
        "description": text,
        "context": {"deduplication_id": str(uuid4())},
    }
    return territory.message(f"application/a/device/{DEVICE}/event/log", json.dumps(body).encode())


def test_an_hour_that_never_came_is_healed(territory, redis):
    """Three hours, a frame every minute; those of the middle hour never came by MQTT."""
    territory.device(DEVICE)
    times = [timedelta(hours=3) - n * MINUTE for n in range(1, 180)]
    frames = {ago: sent(territory, n, ago) for n, ago in enumerate(times)}
    logs = {ago: log_event(territory, f"seen {ago}", ago) for ago in (150 * MINUTE, 90 * MINUTE)}
    for ago in times:
        redis.remember("up", DEVICE, protobuf_of(frames[ago]), ago)
        if ago in logs:
            redis.remember("log", DEVICE, protobuf_of(logs[ago]), ago)
    came = [ago for ago in times if not timedelta(hours=1) <= ago < timedelta(hours=2)]
    territory.ingest(*(frames[ago] for ago in came), logs[150 * MINUTE])
    assert territory.value("SELECT count(*) FROM uplink") == 119

    # What ingest is told of the integrations' encoding says nothing about this.
    with healing(territory, redis.url, encoding="json") as healer:
        assert healer.turn() == Healed(compared=181, stored=61)
        assert healer.turn().stored == 0
        assert healer.metrics.healed._value.get() == 61
        assert healer.metrics.heal_gaps._value.get() == 0

    stored = territory.rows("SELECT f_cnt, source, received_at FROM uplink ORDER BY f_cnt")
    assert [row.f_cnt for row in stored] == list(range(179))
    assert {row.f_cnt for row in stored if row.source == "heal"} == {
        n for n, ago in enumerate(times) if timedelta(hours=1) <= ago < timedelta(hours=2)
    }
    for row, ago in zip(stored, times, strict=True):
        # The clocks of Redis and of the test differ by months.
        assert abs(row.received_at - (RECEIVED_AT - ago)) < 10 * MINUTE, row
    assert len(territory.readings()) == 179
    assert territory.value("SELECT count(*) FROM device_event WHERE event = 'log'") == 2
    assert territory.value("SELECT count(*) FROM quarantine") == 0
    duplicates = territory.value("SELECT coalesce(sum(messages), 0) FROM ledger_platform WHERE outcome = 'duplicate'")
    assert duplicates == 0


def test_a_position_outlives_the_process_and_only_new_entries_are_compared(embedded_territory, redis):
    territory = embedded_territory
    redis.remember("up", DEVICE, protobuf_of(sent(territory, 1, 5 * MINUTE)), 5 * MINUTE)
    with healing(territory, redis.url) as healer:
        assert healer.turn().stored == 1
    redis.remember("up", DEVICE, protobuf_of(sent(territory, 2, 4 * MINUTE)), 4 * MINUTE)
    with healing(territory, redis.url) as healer:
        assert healer.turn().stored == 1


def test_what_may_still_come_by_itself_is_left_for_later(embedded_territory, redis):
    territory = embedded_territory
    redis.remember("up", DEVICE, protobuf_of(sent(territory, 1, timedelta(seconds=5))), timedelta(seconds=5))
    with healing(territory, redis.url, heal_after=timedelta(minutes=10)) as patient:
        assert patient.turn() == Healed(compared=0, stored=0)
    with healing(territory, redis.url, heal_after=timedelta(0)) as healer:
        assert healer.turn().stored == 1


def test_devices_own_streams_bridge_what_the_common_one_has_dropped_and_it_is_told(embedded_territory, redis, capsys):
    """The stream of all devices keeps 3 entries, each device's 100: 20 frames of two devices while nobody looked."""
    territory = embedded_territory
    other = "24e124707c0000bb"
    with healing(territory, redis.url) as healer:
        redis.remember("up", DEVICE, protobuf_of(sent(territory, 0, 60 * MINUTE)), 60 * MINUTE, history=3)
        assert healer.turn().stored == 1
        for n in range(1, 21):
            device, ago = (DEVICE, other)[n % 2], (60 - n) * MINUTE
            redis.remember("up", device, protobuf_of(sent(territory, n, ago, device)), ago, history=3)
        assert redis.client.xlen("device:stream:event") == 3
        healed = healer.turn()
        assert healed.stored == 20
        assert healer.metrics.heal_gaps._value.get() == 1
        said = capsys.readouterr().out
        assert "heal_gap" in said
        assert "device_event_log_max_history" in said
        assert healer.turn().stored == 0
    assert sorted(row.f_cnt for row in territory.rows("SELECT f_cnt FROM uplink")) == list(range(21))


def test_what_no_stream_has_any_more_is_told_as_well(embedded_territory, redis, capsys):
    territory = embedded_territory
    with healing(territory, redis.url) as healer:
        for n in range(10):
            ago = (30 - n) * MINUTE
            redis.remember("up", DEVICE, protobuf_of(sent(territory, n, ago)), ago, history=2, of_device=2)
            if n == 0:
                assert healer.turn().stored == 1
        assert healer.turn().stored == 2
        assert healer.metrics.heal_gaps._value.get() == 1
        assert "heal_gap" in capsys.readouterr().out


def test_what_is_too_old_to_be_known_again_is_not_stored_twice(embedded_territory, redis):
    """Idempotency keys are kept 60 days, a quiet device's stream may hold years."""
    territory = embedded_territory
    redis.remember("up", DEVICE, protobuf_of(sent(territory, 1, timedelta(days=70))), timedelta(days=70))
    redis.remember("up", DEVICE, protobuf_of(sent(territory, 2, timedelta(days=1))), timedelta(days=1))
    with healing(territory, redis.url) as healer:
        assert healer.turn().stored == 1
    assert [row.f_cnt for row in territory.rows("SELECT f_cnt FROM uplink")] == [2]


def test_garbage_goes_to_quarantine_once(embedded_territory, redis):
    territory = embedded_territory
    redis.remember("up", DEVICE, b"\xff\xff\xff", 9 * MINUTE)
    redis.remember("up", DEVICE, b"", 8 * MINUTE)
    redis.remember("novelty", DEVICE, b"\x0a", 7 * MINUTE)
    redis.remember("up", DEVICE, protobuf_of(sent(territory, 1, 6 * MINUTE)), 6 * MINUTE)
    with healing(territory, redis.url) as healer:
        assert healer.turn().stored == 4
        territory.connection.execute("DELETE FROM heal_position")
        assert healer.turn().stored == 0
    reasons = territory.rows("SELECT reason, source FROM quarantine ORDER BY reason")
    assert [tuple(row) for row in reasons] == [
        ("malformed", "heal"),
        ("missing_field", "heal"),
        ("unknown_event", "heal"),
    ]


def test_one_process_at_a_time_compares(embedded_territory, redis):
    territory = embedded_territory
    redis.remember("up", DEVICE, protobuf_of(sent(territory, 1, 5 * MINUTE)), 5 * MINUTE)
    with healing(territory, redis.url) as busy, healing(territory, redis.url) as other:
        with busy.worker.store.reached() as connection:
            connection.execute(
                "SELECT pg_advisory_lock(hashtext('terroir healing'), hashtext(%s))", (other._streams.name,)
            )
        assert other.turn() == Healed(compared=0, stored=0)
        busy.worker.store.close()
        eventually(lambda: other.turn().stored == 1)


def test_redis_away_or_refusing_is_told_without_a_traceback(embedded_territory, tmp_path, capsys):
    territory = embedded_territory
    with redis_server(tmp_path, "--requirepass", "secret") as redis:
        with healing(territory, redis.url) as healer, pytest.raises(StreamAway, match="Authentication"):
            healer.turn()
        settings = territory.settings.model_copy(update={"heal_url": f"redis://:secret@127.0.0.1:{redis.port}"})
        with healing(territory, settings.heal_url) as healer:
            assert healer.turn().stored == 0
        assert "secret" not in EventStreams(settings).name
        said = capsys.readouterr().out
        assert "heal_stream_empty" in said
        assert "TERROIR_HEAL_PREFIX" in said
        redis.stop()
        with healing(territory, settings.heal_url) as healer, pytest.raises(StreamAway):
            healer.turn()


def test_the_user_of_the_compose_file_reads_events_and_nothing_else(embedded_territory, tmp_path):
    """ChirpStack keeps keys of devices in the same Redis."""
    compose = yaml.safe_load((Path(__file__).parents[2] / "deploy/compose.yaml").read_text())
    command = compose["services"]["chirpstack-redis"]["command"]
    address = compose["services"]["ingest"]["environment"]["TERROIR_HEAL_URL"]
    assert address == "redis://terroir@chirpstack-redis"
    territory = embedded_territory
    with redis_server(tmp_path, *command[command.index("--user") :]) as redis:
        redis.remember("up", DEVICE, protobuf_of(sent(territory, 1, 9 * MINUTE)), 9 * MINUTE, history=0)
        redis.remember("up", DEVICE, protobuf_of(sent(territory, 2, 5 * MINUTE)), 5 * MINUTE)
        redis.client.set(f"device:{{{DEVICE}}}:ds", b"keys")
        with healing(territory, address.replace("chirpstack-redis", f"127.0.0.1:{redis.port}")) as healer:
            assert healer.turn().stored == 2
            for command in (("GET", f"device:{{{DEVICE}}}:ds"), ("XADD", "device:stream:event", "*", "up", "x")):
                with pytest.raises(StreamAway, match="permission"):
                    healer._streams._ask(*command)


def test_a_reconnect_wakes_it_and_redis_may_come_back(embedded_territory, redis, monkeypatch):
    """Its interval is an hour: what wakes it is the event that the session sets at every connection."""
    territory = embedded_territory
    values = {"heal_url": redis.url, "heal_interval": timedelta(hours=1), "heal_after": timedelta(0)}
    settings = territory.settings.model_copy(update=values)
    wake, metrics = threading.Event(), Metrics()
    thread = Healing(settings, TopicFilter(settings.mqtt_topic), lambda: territory.now[0], metrics, wake)
    thread.start()
    try:
        eventually(lambda: metrics.heal_connected._value.get() == 1)
        redis.remember("up", DEVICE, protobuf_of(sent(territory, 1, MINUTE)), MINUTE)
        wake.set()
        eventually(lambda: metrics.healed._value.get() == 1)
        redis.stop()
        wake.set()
        eventually(lambda: metrics.heal_connected._value.get() == 0)
        redis.start()
        wake.set()
        eventually(lambda: metrics.heal_connected._value.get() == 1)
        thread.check()
    finally:
        thread.stop()


def test_the_process_heals_while_its_broker_is_away_and_after_a_lost_session(embedded_territory, redis, tmp_path):
    """``terroir ingest --heal URL``: what ChirpStack could not publish comes from its Redis, all else from both."""
    territory = embedded_territory
    now = datetime.now(UTC)
    territory.now[0] = now
    log = tmp_path / "ingest.log"
    with Broker(mosquitto_program(), tmp_path / "mosquitto") as broker:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TERROIR_")},
            "TERROIR_DATABASE_URL": territory.url,
            "TERROIR_MQTT_URL": broker.url,
            "TERROIR_HEAL_INTERVAL": "0.5",
            "TERROIR_HEAL_AFTER": "0",
        }
        broker.stop()
        command = [sys.executable, "-m", "services.cli", "ingest", "--heal", redis.url]
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            frames = [territory.up(DEVICE, temperature(n), at=now, f_cnt=n) for n in range(4)]
            for frame in frames[:2]:
                redis.remember("up", DEVICE, protobuf_of(frame), timedelta(0))
            eventually(lambda: territory.value("SELECT count(*) FROM uplink") == 2, 60)
            broker.start()
            eventually(lambda: " connected" in log.read_text(), 60)
            shutil.rmtree(broker.folder / "data")
            broker.kill()
            broker.start()
            eventually(lambda: "session_lost" in log.read_text(), 60)
            once = Publisher(broker)
            for frame in frames[1:]:
                once.send([(frame.topic, frame.body)])
                redis.remember("up", DEVICE, protobuf_of(frame), timedelta(0))
            once.close()
            eventually(lambda: territory.value("SELECT count(*) FROM uplink") == 4, 60)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()
    said = log.read_text()
    assert "Traceback" not in said
    assert "fetched from ChirpStack's Redis" in said
    assert sorted(row.f_cnt for row in territory.rows("SELECT f_cnt FROM uplink")) == [0, 1, 2, 3]


@pytest.mark.parametrize("url", ["http://redis", "redis://", "redis://host/zero"])
def test_a_wrong_address_is_one_line_and_status_2(url):
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "ingest", "--heal", url], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("terroir: TERROIR_HEAL_URL: must look like redis://")
    assert done.stderr.count("\n") == 1
