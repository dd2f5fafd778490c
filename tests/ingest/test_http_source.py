"""Webhooks: answered after the commit and not before; who does not know the token is refused; garbage is kept."""

import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from services.core.clock import system_clock
from services.core.domain import DeviceEvent, Rejected, Uplink
from services.core.settings import SettingError, Settings
from services.core.times import TimeRules
from services.demo.ports import free_port
from services.ingest.assembly import assembled
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.http import door, waiting
from services.ingest.http.source import HttpSource
from services.ingest.metrics import Metrics
from services.ingest.parsing import BODY_LIMIT, Parser
from services.ingest.source import Message
from services.ingest.store import Store
from tests.ingest.conftest import RECEIVED_AT, Territory, temperature
from tests.ingest.redis_server import protobuf_of
from tests.ingest.sources import bodies, eventually

TOKEN = "0123456789abcdef-secret"
KNOWN = {"Authorization": f"Bearer {TOKEN}"}
BY_PASSWORD = {"Authorization": "Basic " + base64.b64encode(f"anyone:{TOKEN}".encode()).decode()}
DEVICE = "24e124707c0000aa"


def post(port: int, path: str, body: bytes, headers: dict[str, str] = KNOWN, method: str = "POST"):
    """Status, headers and text of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


@contextmanager
def listening(**values: object) -> Iterator[HttpSource]:
    source = HttpSource(Settings(http_port=0, http_token=TOKEN, **values), system_clock, Metrics())
    source.start()
    try:
        yield source
    finally:
        source.stop()


@contextmanager
def storing(territory: Territory) -> Iterator[int]:
    """A source whose messages are stored in the territory; gives its port."""
    stop = threading.Event()
    settings = territory.settings.model_copy(
        update={"http_port": 0, "http_token": Settings(http_token=TOKEN).http_token}
    )
    clock = lambda: territory.now[0]  # noqa: E731
    metrics = Metrics()
    territory.metrics.append(metrics)
    source = HttpSource(settings, clock, metrics)
    worker = assembled(Store(settings, clock), TopicFilter(settings.mqtt_topic), settings, clock, stop, metrics, "http")

    def work() -> None:
        while not stop.is_set():
            worker.process(source, 100, 0.01)

    thread = threading.Thread(target=work)
    source.start()
    thread.start()
    try:
        yield source.port
    finally:
        stop.set()
        thread.join()
        source.stop()
        worker.close()


def test_it_is_answered_when_it_is_acknowledged_and_not_before():
    with listening() as source, ThreadPoolExecutor() as pool:
        answers = [pool.submit(post, source.port, "/chirpstack?event=up", b"%d" % n) for n in range(2)]
        answers.append(pool.submit(post, source.port, "/chirpstack?event=up", b"2", BY_PASSWORD))
        messages: list[Message] = []
        eventually(lambda: bool(messages.extend(source.take(10, 0.05)) or len(messages) == 3))
        assert sorted(bodies(messages)) == [b"0", b"1", b"2"]
        assert {(m.topic, m.qos, m.retain) for m in messages} == {("$http/device/-/event/up", 1, False)}
        assert not any(answer.done() for answer in answers)
        source.acknowledge(messages[:1])
        eventually(lambda: sum(answer.done() for answer in answers) == 1)
        source.acknowledge(messages[1:])
        assert [answer.result()[0] for answer in answers] == [204] * 3


def test_what_is_not_stored_in_time_is_answered_503(monkeypatch):
    monkeypatch.setattr(door, "ANSWER_WITHIN", 0.1)
    with listening() as source:
        status, headers, _ = post(source.port, "/chirpstack?event=up", b"{}")
        assert (status, headers["Retry-After"]) == (503, "10")
        # It waits all the same: stored later, it is known when it comes again.
        late = source.take(10, 0.01)
        assert bodies(late) == [b"{}"]
        source.acknowledge(late)


def test_no_more_wait_than_memory_is_for(monkeypatch):
    monkeypatch.setattr(door, "ANSWER_WITHIN", 0.1)
    monkeypatch.setattr(waiting, "WAITING", 2)
    with listening() as source:
        texts = [post(source.port, "/chirpstack?event=up", b"{}")[2] for _ in range(3)]
        assert ["too many" in text for text in texts] == [False, False, True]


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN, "Basic !", "Basic YTpi", "Bearer é"],
)
def test_who_does_not_know_the_token_is_refused_and_nothing_is_kept(authorization):
    with listening() as source:
        headers = {"Authorization": authorization.encode("latin-1")} if authorization else {}
        status, answered, _ = post(source.port, "/chirpstack?event=up", b"{}", headers)
        assert (status, answered["WWW-Authenticate"]) == (401, 'Bearer realm="terroir"')
        assert source.take(1, 0.01) == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/chirpstack?event=up", b"", 405),
        ("POST", "/chirpstack", b"{}", 404),
        ("POST", "/chirpstack?event=../up", b"{}", 404),
        ("POST", "/tts/down", b"{}", 404),
        ("POST", "/", b"{}", 404),
        ("POST", "/chirpstack?event=up", b" " * (BODY_LIMIT + 1), 413),
    ],
)
def test_what_is_no_event_is_refused(method, path, body, status):
    with listening() as source:
        assert post(source.port, path, body, method=method)[0] == status
        assert source.take(1, 0.01) == []


def test_events_of_chirpstack_have_their_place_in_either_encoding(embedded_territory, cases):
    """The whole corpus, posted twice: each is answered 204, and stored or kept in quarantine once."""
    territory = embedded_territory
    sent = [(case, file) for case in cases.values() for file in case.files if case.event != "down"]
    with storing(territory) as port:
        for case, file in sent * 2:
            assert post(port, f"/chirpstack?event={case.event}", case.body(file))[0] == 204, file
    outcomes = territory.outcomes()
    stored, duplicates = outcomes.pop("stored"), outcomes.pop("duplicate")
    ups = territory.rows("SELECT source FROM uplink")
    assert {row.source for row in ups} == {"http"}
    assert stored == len(ups) + territory.value("SELECT count(*) FROM device_event")
    refused = territory.rows("SELECT topic, source, dev_eui FROM quarantine")
    assert sum(outcomes.values()) == len(refused)
    assert stored + len(refused) + duplicates == 2 * len(sent)
    assert all(row.topic.startswith("$http/device/") and row.source == "http" for row in refused)
    assert any(row.dev_eui for row in refused)


# A message of The Things Stack as its documentation has it (Data Formats, "Uplink message example"), with other values.
TTS = {
    "end_device_ids": {
        "device_id": "room-3",
        "application_ids": {"application_id": "air"},
        "dev_eui": DEVICE.upper(),
        "join_eui": "800000000000000C",
        "dev_addr": "00BCB929",
    },
    "correlation_ids": ["as:up:01E0WZGT6Y7657CPFPE5WEYDSQ"],
    "received_at": "2026-09-21T14:13:21.477691711Z",
    "uplink_message": {
        "session_key_id": "AXBSH1Pk6Z0G166fRHVlpA==",
        "f_port": 85,
        "f_cnt": 70000,
        "frm_payload": base64.b64encode(temperature(21.5)).decode(),
        "decoded_payload": {"temperature": 21.5},
        "rx_metadata": [
            {
                "gateway_ids": {"gateway_id": "mairie", "eui": "9C5C8E00001A05C4"},
                "time": "2026-09-21T14:13:20.877Z",
                "timestamp": 2463457000,
                "rssi": -35,
                "channel_rssi": -35,
                "snr": 5.2,
                "location": {"latitude": 45.44, "longitude": 4.39, "altitude": 540, "source": "SOURCE_REGISTRY"},
                "received_at": "2026-09-21T14:13:20.9Z",
                "channel_index": 2,
            },
            {"gateway_ids": {"gateway_id": "packetbroker"}, "packet_broker": {}, "rssi": -113, "snr": -9},
        ],
        "settings": {
            "data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 7, "coding_rate": "4/5"}},
            "data_rate_index": 5,
            "frequency": "868300000",
            "timestamp": 2463457000,
        },
        "received_at": "2026-09-21T14:13:21.246341154Z",
        "confirmed": True,
        "consumed_airtime": "0.056576s",
        "version_ids": {"brand_id": "milesight-iot", "model_id": "am307"},
    },
}


def parsed(topic: str, body: object) -> Uplink | DeviceEvent | Rejected:
    settings = Settings()
    parser = Parser(TopicFilter(settings.mqtt_topic), "auto", TimeRules.of(settings), "http")
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parser.parse(Message(topic, content, 1, False, RECEIVED_AT, 0, 0))


def test_an_uplink_of_the_things_stack():
    uplink = parsed("$tts/device/-/event/up", TTS)
    assert isinstance(uplink, Uplink), uplink
    assert (uplink.dev_eui, uplink.dev_addr, uplink.f_cnt, uplink.f_port) == (DEVICE, "00bcb929", 70000, 85)
    assert (uplink.payload, uplink.confirmed, uplink.encrypted) == (temperature(21.5), True, False)
    assert (uplink.dr, uplink.spreading_factor, uplink.frequency) == (5, 7, 868_300_000)
    assert uplink.measured_at == datetime(2026, 9, 21, 14, 13, 21, 246341, tzinfo=UTC)
    assert (uplink.application_id, uplink.device_name, uplink.profile_name) == ("air", "room-3", "milesight-iot/am307")
    [heard] = uplink.receptions
    assert (heard.gateway, heard.rssi, heard.channel) == ("9c5c8e00001a05c4", -35, 2)
    assert (heard.snr, heard.longitude, heard.latitude) == (pytest.approx(5.2), 4.39, 45.44)


def test_it_is_known_again_and_told_from_the_next():
    again = {**TTS, "received_at": "2026-09-21T14:20:00Z", "correlation_ids": ["as:up:other"]}
    key = parsed("$tts/device/-/event/up", TTS).key
    assert parsed("$tts/device/x/event/up", again).key == key
    for field, value in {"f_cnt": 70001, "session_key_id": "x", "received_at": "2026-09-21T14:13:25Z"}.items():
        other = {**TTS, "uplink_message": {**TTS["uplink_message"], field: value}}
        assert parsed("$tts/device/-/event/up", other).key != key, field


@pytest.mark.parametrize(
    ("event", "body", "reason"),
    [
        ("up", b"", "malformed"),
        ("up", b"{", "malformed"),
        ("up", {}, "missing_field"),
        ("up", {**TTS, "uplink_message": {}}, "missing_field"),
        ("up", {**TTS, "end_device_ids": {}}, "missing_field"),
        ("up", {**TTS, "end_device_ids": {**TTS["end_device_ids"], "dev_eui": "short"}}, "bad_identifier"),
        ("up", {**TTS, "uplink_message": {**TTS["uplink_message"], "settings": {"frequency": "x"}}}, "malformed"),
        ("up", {**TTS, "uplink_message": {**TTS["uplink_message"], "rx_metadata": [{"rssi": 1e300}]}}, None),
        ("join", TTS, "missing_field"),
        ("down", TTS, "unknown_event"),
    ],
)
def test_what_the_things_stack_would_not_send(event, body, reason):
    found = parsed(f"$tts/device/-/event/{event}", body)
    assert (found.reason if isinstance(found, Rejected) else None) == reason


def test_a_join_of_the_things_stack():
    join = parsed(
        "$tts/device/-/event/join",
        {**TTS, "join_accept": {"session_key_id": "AXBS", "received_at": "2026-09-21T14:13:00Z"}},
    )
    assert isinstance(join, DeviceEvent), join
    assert (join.event, join.dev_eui, join.detail) == ("join", DEVICE, {"dev_addr": "00bcb929"})


def test_frames_of_the_things_stack_become_readings_and_undeclared_ones_keep_their_object(embedded_territory):
    territory = embedded_territory
    territory.device(DEVICE)
    unknown = {**TTS, "end_device_ids": {**TTS["end_device_ids"], "dev_eui": "24E124707C0000BB"}}
    with storing(territory) as port:
        for body in (TTS, TTS, unknown):
            assert post(port, "/tts/up", json.dumps(body).encode())[0] == 204
    assert [value for _, value, _ in territory.readings()] == [21.5]
    assert territory.value("SELECT object FROM uplink WHERE dev_eui = '24e124707c0000bb'") == {"temperature": 21.5}
    assert territory.outcomes() == {"stored": 2, "duplicate": 1}


def test_one_event_by_every_way_is_one(embedded_territory):
    """MQTT in JSON, ChirpStack's Redis and webhook in protobuf, webhook in JSON: one stored, three duplicates."""
    territory = embedded_territory
    frame = territory.up(DEVICE, temperature(20), f_cnt=7)
    remembered = Message("$redis/device/-/event/up", protobuf_of(frame), 1, False, RECEIVED_AT, 0, 0)
    territory.ingest(frame)
    territory.ingest(remembered)
    with storing(territory) as port:
        for body in (frame.body, protobuf_of(frame)):
            assert post(port, "/chirpstack?event=up", body)[0] == 204
    assert territory.outcomes() == {"stored": 1, "duplicate": 3}
    assert [row.source for row in territory.rows("SELECT source FROM uplink")] == ["mqtt"]


def test_the_process_stores_what_is_posted_and_ends_in_order(embedded_territory, tmp_path):
    territory = embedded_territory
    territory.now[0] = datetime.now(UTC)
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TERROIR_")},
        "TERROIR_DATABASE_URL": territory.url,
        "TERROIR_HTTP_PORT": str(port),
        "TERROIR_HTTP_TOKEN": TOKEN,
    }
    command = [sys.executable, "-m", "services.cli", "ingest", "--source", "http"]
    log = tmp_path / "log"

    def answered() -> bool:
        try:
            return post(port, "/", b"")[0] == 404
        except OSError:
            return False

    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        eventually(answered, 60)
        frame = territory.up(DEVICE, temperature(20))
        assert post(port, "/chirpstack?event=up", frame.body)[0] == 204
        assert territory.value("SELECT count(*) FROM uplink WHERE source = 'http'") == 1
        second = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert second.returncode == 2
        assert second.stderr.startswith("terroir: cannot listen: Address already in use")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text()


def test_a_token_that_is_missing_or_short_is_told():
    for token in (None, "short"):
        with pytest.raises(SettingError, match="TERROIR_HTTP_TOKEN"):
            HttpSource(Settings(http_token=token), system_clock, Metrics())
